"""The shapes of requests and answers; those of requests check them, those of answers are for OpenAPI."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from rakurs.service.readings.models import Role, State, Verdict

Shape = serializers.Serializer[Any]


class LoginSerializer(Shape):
    """With `cookie` the refresh token comes as an HttpOnly cookie, out of reach of any script, and not in the body."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)
    cookie = serializers.BooleanField(default=False)


class RefreshSerializer(Shape):
    """Without `refresh`, the cookie's."""

    refresh = serializers.CharField(max_length=4000, required=False)


class TokensSerializer(Shape):
    """`access` goes into the header `Authorization: Bearer`; `refresh` is null where it came as a cookie."""

    access = serializers.CharField()
    access_expires_at = serializers.DateTimeField()
    refresh = serializers.CharField(allow_null=True)
    refresh_expires_at = serializers.DateTimeField()


class PasswordSerializer(Shape):
    """A new password, and the one so far."""

    current = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)
    new = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class PermissionsSerializer(Shape):
    """What the person may do."""

    upload = serializers.BooleanField()
    review = serializers.BooleanField()
    export = serializers.BooleanField()
    delete = serializers.BooleanField()
    audit = serializers.BooleanField()


class PersonSerializer(Shape):
    """The person who is logged in."""

    username = serializers.CharField()
    clinic = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    may = PermissionsSerializer()


class IntervalSerializer(Shape):
    """A measured value with its 95 % interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class ThresholdSerializer(Shape):
    """The probability from which on an operating point calls a label, and what that gave."""

    threshold = serializers.FloatField()
    sensitivity = IntervalSerializer()
    specificity = IntervalSerializer()


class ScoreSerializer(Shape):
    """What the pack scored for a label on a test set."""

    data_set = serializers.CharField()
    films = serializers.IntegerField(allow_null=True)
    positives = serializers.IntegerField(allow_null=True)
    auroc = IntervalSerializer(allow_null=True)
    auprc = IntervalSerializer(allow_null=True)


class LabelSerializer(Shape):
    """A label of the pack's task; `title` by language, `code` is scheme, value, meaning."""

    name = serializers.CharField()
    title = serializers.DictField(child=serializers.CharField())
    code = serializers.ListField(child=serializers.CharField(), allow_null=True)
    operating_points = serializers.DictField(child=ThresholdSerializer())
    prevalence = serializers.FloatField(allow_null=True)
    scores = ScoreSerializer(many=True)


class ViewSerializer(Shape):
    """A view of the pack's task; `read` says whether the pack has a network for it."""

    name = serializers.CharField()
    title = serializers.DictField(child=serializers.CharField())
    required = serializers.BooleanField()  # type: ignore[assignment]  # a field may have any name
    read = serializers.BooleanField()
    dicom = serializers.ListField(child=serializers.CharField())


class PointSerializer(Shape):
    """A rule that turns a probability into a call."""

    name = serializers.CharField()
    criterion = serializers.ChoiceField(choices=["sensitivity", "specificity"])
    at_least = serializers.FloatField()


class MeasuredSerializer(Shape):
    """When and on what the pack was calibrated."""

    date = serializers.CharField()
    validation = serializers.DictField()


class PackNameSerializer(Shape):
    """Which pack answered; `networks` are the digests by view."""

    name = serializers.CharField()
    version = serializers.CharField()
    networks = serializers.DictField(child=serializers.CharField())


class PackSerializer(PackNameSerializer):
    """A pack with everything that a page needs to draw itself."""

    title = serializers.DictField(child=serializers.CharField())
    intended_use = serializers.DictField(child=serializers.CharField())
    caution = serializers.DictField(
        child=serializers.CharField(), allow_null=True, help_text="Stands beside every reading."
    )
    activation = serializers.ChoiceField(
        choices=["sigmoid", "softmax"], help_text="`softmax`: exactly one label holds."
    )
    calibrated = serializers.BooleanField()
    views = ViewSerializer(many=True)
    labels = LabelSerializer(many=True)
    operating_points = PointSerializer(many=True)
    measured = MeasuredSerializer(allow_null=True)


class PacksSerializer(Shape):
    """The packs that can be used; `default` is the one that is taken where none is named."""

    default = serializers.CharField(allow_null=True)
    results = PackSerializer(many=True)


class SampleSerializer(Shape):
    """A film to try with: `views` are the addresses of its files."""

    name = serializers.CharField()
    title = serializers.DictField(child=serializers.CharField())
    views = serializers.DictField(child=serializers.CharField())


class SamplesSerializer(Shape):
    """Films to try with."""

    results = SampleSerializer(many=True)


class UploadSerializer(Shape):
    """A study: a file per view under the view's name, or under `file`, whose view its DICOM header names."""

    pack = serializers.CharField(required=False, max_length=64)
    reference = serializers.CharField(required=False, allow_blank=True, max_length=64)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class UploadFormSerializer(UploadSerializer):
    """A study: a file per view under the view's name (`frontal`, `lateral` of the pack that ships), or under `file`."""

    file = serializers.FileField(required=False)
    frontal = serializers.FileField(required=False)
    lateral = serializers.FileField(required=False)


class ReasonSerializer(Shape):
    """Why a study was refused or failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class WarningSerializer(Shape):
    """Something that a person must know beside the findings."""

    code = serializers.CharField()
    message = serializers.CharField()


class CallSerializer(Shape):
    """A finding that reached an operating point."""

    label = serializers.CharField()  # type: ignore[assignment]
    probability = serializers.FloatField()
    operating_points = serializers.DictField(child=serializers.BooleanField())


class FindingSerializer(CallSerializer):
    """A finding; `heat_maps` are addresses by view, null where nothing in that view speaks for the finding."""

    title = serializers.CharField()
    code = serializers.ListField(child=serializers.CharField(), allow_null=True)
    logit = serializers.FloatField()
    heat_maps = serializers.DictField(child=serializers.CharField(allow_null=True))


class StudyViewSerializer(Shape):
    """One image of a study; `image` is an address of the film as displayed, `pixels` of all its grey levels."""

    view = serializers.CharField()
    file_name = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    rows = serializers.IntegerField(allow_null=True)
    columns = serializers.IntegerField(allow_null=True)
    spacing_mm = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, help_text="Between rows, between columns."
    )
    image = serializers.CharField()
    pixels = serializers.CharField()


class ThumbnailSerializer(Shape):
    """One image of a study, small."""

    view = serializers.CharField()
    thumbnail = serializers.CharField()


class ReviewSerializer(Shape):
    """What a person said of a finding."""

    label = serializers.CharField()  # type: ignore[assignment]
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    comment = serializers.CharField(allow_blank=True)
    reviewer = serializers.CharField()
    created_at = serializers.DateTimeField()


class _StudyHead(Shape):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=State.choices)
    reference = serializers.CharField(allow_blank=True)
    pack = PackNameSerializer()
    uploader = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    calibrated = serializers.BooleanField(allow_null=True)
    answer = serializers.CharField(
        allow_null=True, help_text="The label that holds, where exactly one does and the pack is sure enough."
    )
    urgency = serializers.FloatField(allow_null=True)
    refusal = ReasonSerializer(allow_null=True)
    failure = ReasonSerializer(allow_null=True)


class SummarySerializer(_StudyHead):
    """A line of the worklist."""

    views = ThumbnailSerializer(many=True)
    findings = CallSerializer(many=True)


class StudySerializer(_StudyHead):
    """A study with everything that was said of it."""

    note = serializers.CharField(allow_blank=True)
    warnings = WarningSerializer(many=True)
    seconds = serializers.DictField(child=serializers.FloatField())
    views = StudyViewSerializer(many=True)
    findings = FindingSerializer(many=True)
    reviews = ReviewSerializer(many=True)
    report = serializers.CharField()


class WorklistSerializer(Shape):
    """A page of the worklist; `next` is the address of the next one."""

    next = serializers.CharField(allow_null=True)
    results = SummarySerializer(many=True)


class AnswerSerializer(Shape):
    """A verdict on one finding."""

    label = serializers.CharField(max_length=64)  # type: ignore[assignment]
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    comment = serializers.CharField(required=False, allow_blank=True, max_length=2000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A mere comment must say something."""
        if attrs["verdict"] == Verdict.COMMENT and not attrs.get("comment"):
            raise serializers.ValidationError("A comment must say something.")
        return attrs


class AnswersSerializer(Shape):
    """A person's verdicts on some findings of a study."""

    findings = AnswerSerializer(many=True, allow_empty=False, max_length=200)  # type: ignore[call-arg]


class ReviewsSerializer(Shape):
    """Every verdict on a study, the newest first."""

    results = ReviewSerializer(many=True)


class AuditRowSerializer(Shape):
    """Who did what, when."""

    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    user = serializers.CharField(allow_null=True)
    action = serializers.CharField()
    study = serializers.UUIDField(allow_null=True)
    detail = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_blank=True)


class AuditSerializer(Shape):
    """A page of the audit; `next` is the address of the next one."""

    next = serializers.CharField(allow_null=True)
    results = AuditRowSerializer(many=True)


class HealthSerializer(Shape):
    """Whether it works, part by part: `ok`, or what is wrong."""

    status = serializers.CharField()
    checks = serializers.DictField(child=serializers.CharField())
