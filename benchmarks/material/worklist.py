"""Fills the worklist of an installation with studies that were read: run inside it, with its environment.

RAKURS_DATA_DIR=... python -m material.worklist 100000
"""

from __future__ import annotations

import random
import sys
from datetime import timedelta

LABELS = ("effusion", "mass", "nodule", "pneumothorax")
AT_ONCE = 2000


def fill(count: int) -> None:
    from rakurs.service import start  # noqa: PLC0415

    start.set_up()
    from django.utils import timezone  # noqa: PLC0415

    from rakurs.service.readings.identifiers import new_id, rank_of  # noqa: PLC0415
    from rakurs.service.readings.models import Call, Study, StudyView, User  # noqa: PLC0415

    user = User.objects.get(username="bench")
    chance, now = random.Random(7), timezone.now()
    for first in range(0, count, AT_ONCE):
        studies, views, calls = [], [], []
        for number in range(first, min(count, first + AT_ONCE)):
            study_id = new_id()
            rank = rank_of(chance.uniform(0, 3), study_id)
            reached = [label for label in LABELS if chance.random() < 0.05]
            study = Study(
                id=study_id, clinic_id=user.clinic_id, uploader=user, reference=f"P-{number % 30000:06}",
                content=f"{number:064}", pack="chest-xray", pack_version="1", state="read", rank=rank,
                created_at=now - timedelta(minutes=count - number), finished_at=now, calibrated=True,
                findings=[
                    {
                        "label": label, "title": label, "code": None, "probability": 0.5, "logit": 0.0,
                        "operating_points": {"sensitive": label in reached, "specific": label in reached},
                        "heat_maps": {"frontal": True},
                    }
                    for label in LABELS
                ],
            )  # fmt: skip
            studies.append(study)
            views.append(StudyView(study=study, view="frontal", sha256=f"{number:064}", size_bytes=1))
            calls += [
                Call(study=study, clinic_id=user.clinic_id, label=label, point=point)
                for label in reached
                for point in ("sensitive", "specific")
            ]
        Study.objects.bulk_create(studies)
        StudyView.objects.bulk_create(views)
        Call.objects.bulk_create(calls)
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    fill(int(sys.argv[1]))
