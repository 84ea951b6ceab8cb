import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import rakurs.service.readings.identifiers


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Clinic",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Lockout",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("username", models.CharField(max_length=150, unique=True)),
                (
                    "role",
                    models.CharField(
                        choices=[("reader", "Reader"), ("reviewer", "Reviewer"), ("administrator", "Administrator")],
                        default="reader",
                        max_length=16,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="users", to="readings.clinic"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Study",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=rakurs.service.readings.identifiers.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("reference", models.CharField(blank=True, db_index=True, max_length=64)),
                ("note", models.CharField(blank=True, max_length=2000)),
                ("content", models.CharField(max_length=64)),
                ("pack", models.CharField(max_length=64)),
                ("pack_version", models.CharField(max_length=32)),
                ("networks", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("reading", "Reading"),
                            ("read", "Read"),
                            ("refused", "Refused"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                ("calibrated", models.BooleanField(null=True)),
                ("answer", models.CharField(blank=True, max_length=64)),
                ("warnings", models.JSONField(default=list)),
                ("findings", models.JSONField(default=list)),
                ("seconds", models.JSONField(default=dict)),
                ("refusal_code", models.CharField(blank=True, max_length=32)),
                ("refusal_message", models.CharField(blank=True, max_length=1000)),
                ("rank", models.CharField(max_length=48)),
                ("reviewed_at", models.DateTimeField(null=True)),
                ("deleted_at", models.DateTimeField(null=True)),
                ("claim", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="studies", to="readings.clinic"
                    ),
                ),
                (
                    "deleted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "uploader",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="studies", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("label", models.CharField(max_length=64)),
                (
                    "verdict",
                    models.CharField(
                        choices=[("agree", "Agree"), ("disagree", "Disagree"), ("comment", "Comment")], max_length=8
                    ),
                ),
                ("comment", models.CharField(blank=True, max_length=2000)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reviews", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "study",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reviews", to="readings.study"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("label", models.CharField(max_length=64)),
                ("point", models.CharField(max_length=64)),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="readings.clinic"
                    ),
                ),
                (
                    "study",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="calls", to="readings.study"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StudyView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("view", models.CharField(max_length=64)),
                ("file_name", models.CharField(blank=True, max_length=255)),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                ("size_bytes", models.BigIntegerField()),
                ("rows", models.PositiveIntegerField(null=True)),
                ("columns", models.PositiveIntegerField(null=True)),
                ("spacing_mm", models.JSONField(null=True)),
                ("heat_maps", models.BinaryField(null=True)),
                ("thumbnail", models.BinaryField(null=True)),
                (
                    "study",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="views", to="readings.study"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AuditRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("action", models.CharField(max_length=32)),
                ("study_id", models.UUIDField(null=True)),
                ("detail", models.CharField(blank=True, max_length=200)),
                ("address", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "clinic",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="readings.clinic"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["clinic", "-id"], name="audit_by_time"),
                    models.Index(fields=["study_id", "-id"], name="audit_by_study"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                condition=models.Q(("deleted_at", None)), fields=["clinic", "-id"], name="study_by_time"
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                condition=models.Q(("deleted_at", None)), fields=["clinic", "-rank"], name="study_by_urgency"
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                condition=models.Q(("deleted_at", None)),
                fields=["clinic", "state", "-id"],
                name="study_of_state_by_time",
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                condition=models.Q(("deleted_at", None)),
                fields=["clinic", "state", "-rank"],
                name="study_of_state_by_rank",
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                condition=models.Q(("deleted_at", None)), fields=["clinic", "reference"], name="study_by_reference"
            ),
        ),
        migrations.AddIndex(
            model_name="study",
            index=models.Index(
                condition=models.Q(("state__in", ("queued", "reading"))),
                fields=["state", "id"],
                name="study_unfinished",
            ),
        ),
        migrations.AddConstraint(
            model_name="study",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)), fields=("uploader", "content"), name="study_once_per_user"
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(fields=["clinic", "label", "point", "study"], name="call_of_label"),
        ),
        migrations.AddConstraint(
            model_name="call",
            constraint=models.UniqueConstraint(fields=("study", "label", "point"), name="call_once"),
        ),
        migrations.AddConstraint(
            model_name="studyview",
            constraint=models.UniqueConstraint(fields=("study", "view"), name="view_once_per_study"),
        ),
    ]
