"""What people say of findings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rakurs.service.readings.access import Action, IsReviewer, leave_row, study_for, user_of
from rakurs.service.readings.documents import review_document
from rakurs.service.readings.models import Review, State, Study
from rakurs.service.readings.problems import Problem
from rakurs.service.readings.shapes import AnswersSerializer, ReviewsSerializer


class ReviewView(APIView):
    """The review of a study."""

    @extend_schema(
        operation_id="review", request=AnswersSerializer, responses={201: ReviewsSerializer}, tags=["reviews"]
    )
    def post(self, request: Request, study_id: UUID) -> Response:
        """Agree, disagree or comment on findings; what was said before stays."""
        study = study_for(request, study_id)
        given = AnswersSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        answers = given.validated_data["findings"]
        _refuse_unknown(study, {answer["label"] for answer in answers})
        with transaction.atomic():
            Review.objects.bulk_create([Review(study=study, reviewer=user_of(request), **answer) for answer in answers])
            Study.objects.filter(id=study_id).update(reviewed_at=timezone.now())
            leave_row(request, Action.REVIEW, study_id=study_id, detail=f"{len(answers)} findings")
        return Response(_reviews_of(study), status=status.HTTP_201_CREATED)

    def get_permissions(self) -> list[Any]:
        """Everybody of the clinic may look; reviewing is for reviewers."""
        return [IsReviewer()] if self.request.method == "POST" else [IsAuthenticated()]

    @extend_schema(operation_id="reviews", responses=ReviewsSerializer, tags=["reviews"])
    def get(self, request: Request, study_id: UUID) -> Response:
        """Every verdict on a study, the newest first."""
        study = study_for(request, study_id)
        leave_row(request, Action.VIEW, study_id=study_id, detail="reviews")
        return Response(_reviews_of(study))


def _reviews_of(study: Study) -> dict[str, Any]:
    reviews = study.reviews.select_related("reviewer").order_by("-id")
    return {"results": [review_document(review) for review in reviews]}


def _refuse_unknown(study: Study, labels: set[str]) -> None:
    if study.state != State.READ:
        raise Problem(409, study.state, detail="Only a study that was read can be reviewed.")
    known = {finding["label"] for finding in study.findings}
    if not labels <= known:
        raise Problem(400, "label", detail=f"Some labels are none of this study; it has: {', '.join(sorted(known))}.")
