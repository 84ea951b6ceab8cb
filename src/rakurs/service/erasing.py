"""Erasing studies for good, as a patient may ask for."""

from __future__ import annotations

from uuid import UUID

from django.core.cache import cache
from django.db import transaction

from rakurs.errors import UsageError
from rakurs.service.readings.access import Action
from rakurs.service.readings.jobs import cache_key
from rakurs.service.readings.models import AuditRow, Study, StudyView
from rakurs.service.readings.storage import forget


def studies_to_erase(*, reference: str | None, study: str | None, deleted: bool) -> list[Study]:
    """The studies that all the given conditions hold for.

    Raises:
        UsageError: the id is none.
    """
    studies = Study.objects.all()
    if reference:
        studies = studies.filter(reference=reference)
    if study:
        studies = studies.filter(id=_id(study))
    if deleted:
        studies = studies.filter(deleted_at__isnull=False)
    return list(studies)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UsageError("That is no study's id; expected a UUID, as the page's address shows it.") from None


def erase_studies(studies: list[Study]) -> int:
    """Remove the studies, and each film that no other study has; how many films.

    Rows go first: a film without a row is only a waste of room, a row without its film a fault.
    """
    digests = set(StudyView.objects.filter(study__in=studies).values_list("sha256", flat=True))
    with transaction.atomic():
        for study in studies:
            AuditRow.objects.create(clinic_id=study.clinic_id, action=Action.ERASE.value, study_id=study.id)
            cache.delete(cache_key(study.content))
            study.delete()
    left = set(StudyView.objects.filter(sha256__in=digests).values_list("sha256", flat=True))
    for digest in digests - left:
        forget(digest)
    return len(digests - left)
