"""The addresses of the service."""

from __future__ import annotations

from django.urls import path, re_path

from rakurs.service.readings.endpoints import accounts, docs, health, images, packs, page, reviews, studies, tables

handler400 = "rakurs.service.readings.problems.answer_400"
handler404 = "rakurs.service.readings.problems.answer_404"
handler500 = "rakurs.service.readings.problems.answer_500"

_STUDY = "api/studies/<uuid:study_id>/"

urlpatterns = [
    path("api/auth/token/", accounts.TokenView.as_view()),
    path("api/auth/refresh/", accounts.RefreshView.as_view()),
    path("api/auth/logout/", accounts.LogoutView.as_view()),
    path("api/auth/password/", accounts.PasswordView.as_view()),
    path("api/me/", accounts.MeView.as_view()),
    path("api/packs/", packs.PacksView.as_view()),
    path("api/samples/", packs.SamplesView.as_view()),
    path("api/samples/<slug:name>/<slug:view>/", packs.SampleFileView.as_view(), name="sample-file"),
    path("api/studies/", studies.StudiesView.as_view()),
    path("api/studies/export.csv", tables.ExportView.as_view()),
    path(_STUDY, studies.StudyView.as_view(), name="study"),
    path(f"{_STUDY}views/<slug:view>/image/", images.ImageView.as_view(), name="image"),
    path(f"{_STUDY}views/<slug:view>/pixels/", images.PixelsView.as_view(), name="pixels"),
    path(f"{_STUDY}findings/<slug:label>/heat-map/", images.HeatMapView.as_view(), name="heat-map"),
    path(f"{_STUDY}report.pdf", images.ReportView.as_view(), name="report"),
    path(f"{_STUDY}review/", reviews.ReviewView.as_view()),
    path("api/audit/", tables.AuditView.as_view()),
    path("api/health/live", health.LiveView.as_view()),
    path("api/health/ready", health.ReadyView.as_view()),
    path("api/schema/", docs.SchemaView.as_view(), name="schema"),
    path("api/docs/", docs.DocsView.as_view()),
    path("metrics", health.metrics_view),
    re_path(r"^(?P<path>.*)$", page.page),
]
