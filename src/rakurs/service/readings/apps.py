"""The app `readings`."""

from __future__ import annotations

from django.apps import AppConfig


class ReadingsConfig(AppConfig):
    """Registers the start-up checks."""

    name = "rakurs.service.readings"
    label = "readings"

    def ready(self) -> None:
        """Import what registers itself."""
        from rakurs.service.readings import checks  # noqa: F401, PLC0415  # needs the models
