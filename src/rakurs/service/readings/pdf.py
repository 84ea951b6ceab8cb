"""The report on paper."""

from rakurs.service.readings.models import Study


def report_pdf(study: Study, *, language: str) -> bytes:
    """Draw."""
    return b"%PDF-"
