"""The page: built files are served by whitenoise; every other address of it is its one HTML file."""

from __future__ import annotations

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Rakurs</title>
<h1>Rakurs</h1>
<p>The service runs, but its page is not built. The API is described at <a href="/api/docs/">/api/docs/</a>.</p>
</html>
"""


def page(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """The page's HTML, whatever its own address within the page; a missing file of it is missing."""
    if "." in path.rpartition("/")[2] or path.startswith(("api/", "assets/", "static/")):
        raise Http404
    index = settings.WEB_DIR / "index.html"
    if not index.is_file():
        return HttpResponse(_NOT_BUILT)
    response = FileResponse(index.open("rb"), content_type="text/html; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
