"""What the database holds. The row of a study is the truth: a job only says that there may be something to do."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from rakurs.service.readings.identifiers import new_id


class Clinic(models.Model):
    """A group of people; a study is seen by the group that it was uploaded in, and by nobody else."""

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person may do; each role may do what those above it may."""

    READER = "reader"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"


class Users(BaseUserManager["User"]):
    """Finds people by their name."""


class User(AbstractBaseUser):
    """A person of one clinic; passwords are kept as Argon2 hashes."""

    username = models.CharField(max_length=150, unique=True)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="users")
    role = models.CharField(max_length=16, choices=Role, default=Role.READER)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_login = None  # a login is a row of the audit

    objects: ClassVar[Users] = Users()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.username


class State(models.TextChoices):
    """How far a study is."""

    QUEUED = "queued"
    READING = "reading"
    READ = "read"
    REFUSED = "refused"
    FAILED = "failed"


UNFINISHED = (State.QUEUED, State.READING)


class Study(models.Model):
    """The images of one subject from one visit, and what a pack said of them.

    `answer` is the label that holds where exactly one does and the pack is sure enough, else empty.
    `content` is the digest of the pack and of every view's file: the same user's same films are the
    same study. `rank` orders by urgency, `id` by time. While a worker reads, `claim` is its ticket,
    and `lease_until` the time at which others may take the study from it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="studies")
    uploader = models.ForeignKey(User, on_delete=models.PROTECT, related_name="studies")
    reference = models.CharField(max_length=64, blank=True, db_index=True)
    note = models.CharField(max_length=2000, blank=True)
    content = models.CharField(max_length=64)
    pack = models.CharField(max_length=64)
    pack_version = models.CharField(max_length=32)
    networks = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    calibrated = models.BooleanField(null=True)
    answer = models.CharField(max_length=64, blank=True)
    warnings = models.JSONField(default=list)
    findings = models.JSONField(default=list)
    seconds = models.JSONField(default=dict)
    refusal_code = models.CharField(max_length=32, blank=True)
    refusal_message = models.CharField(max_length=1000, blank=True)
    rank = models.CharField(max_length=48)
    reviewed_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["uploader", "content"], condition=models.Q(deleted_at=None), name="study_once_per_user"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["clinic", "-id"], condition=models.Q(deleted_at=None), name="study_by_time"),
            models.Index(fields=["clinic", "-rank"], condition=models.Q(deleted_at=None), name="study_by_urgency"),
            models.Index(
                fields=["clinic", "state", "-id"], condition=models.Q(deleted_at=None), name="study_of_state_by_time"
            ),
            models.Index(
                fields=["clinic", "state", "-rank"], condition=models.Q(deleted_at=None), name="study_of_state_by_rank"
            ),
            models.Index(
                fields=["clinic", "reference"], condition=models.Q(deleted_at=None), name="study_by_reference"
            ),
            models.Index(fields=["state", "id"], condition=models.Q(state__in=UNFINISHED), name="study_unfinished"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class StudyView(models.Model):
    """One image of a study: its file by digest, and what reading left of it beside the findings.

    `heat_maps` is what `readings.maps` packs; `thumbnail` a small JPEG.
    """

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="views")
    view = models.CharField(max_length=64)
    file_name = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.BigIntegerField()
    rows = models.PositiveIntegerField(null=True)
    columns = models.PositiveIntegerField(null=True)
    spacing_mm = models.JSONField(null=True)
    heat_maps = models.BinaryField(null=True)
    thumbnail = models.BinaryField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["study", "view"], name="view_once_per_study")]

    def __str__(self) -> str:
        return f"{self.study_id} {self.view}"


class Call(models.Model):
    """A finding that reached an operating point; `clinic` is the study's, so that one index finds them."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="calls")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=64)
    point = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["study", "label", "point"], name="call_once")]
        indexes: ClassVar = [
            models.Index(fields=["clinic", "label", "point", "study"], name="call_of_label"),
        ]

    def __str__(self) -> str:
        return f"{self.study_id} {self.label} {self.point}"


class Verdict(models.TextChoices):
    """What a reviewer says of a finding."""

    AGREE = "agree"
    DISAGREE = "disagree"
    COMMENT = "comment"


class Review(models.Model):
    """A person's answer to a finding; kept as it was given, never changed."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="reviews")
    label = models.CharField(max_length=64)
    verdict = models.CharField(max_length=8, choices=Verdict)
    comment = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.study_id} {self.label} {self.verdict}"


class AuditRow(models.Model):
    """Who did what to which study, and when. Rows are added, never changed, and outlive the study."""

    clinic = models.ForeignKey(Clinic, null=True, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=32)
    study_id: UUID | None = models.UUIDField(null=True)  # type: ignore[assignment]  # no key: a study may be erased
    detail = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["clinic", "-id"], name="audit_by_time"),
            models.Index(fields=["study_id", "-id"], name="audit_by_study"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.study_id or ''}"


class Lockout(models.Model):
    """Failed logins under a key, which is a digest: what was typed as a name may have been a password."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key[:8]
