"""The service as a WSGI application, for whatever server calls it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rakurs.service.settings")

application = get_wsgi_application()
