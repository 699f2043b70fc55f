"""Addresses of this room."""

from django.urls import path

from workflows import list_views, resolution_views, views

app_name = "workflows"

urlpatterns = [
    path("orchestrations/", views.orchestrations, name="orchestrations"),
    path("orchestrations/<uuid:pk>/workflows/", views.run_now, name="run-now"),
    path("workflows/", list_views.listed, name="list"),
    path("workflows/rows/", list_views.rows, name="rows"),
    path("workflows/export.csv", list_views.export, name="export"),
    path("workflows/<uuid:pk>/", views.detail, name="detail"),
    path("workflows/<uuid:pk>/progress/", views.progress, name="progress"),
    path("workflows/<uuid:pk>/approval/", views.approve, name="approve"),
    path("workflows/<uuid:pk>/refusal/", views.discard, name="discard"),
    path("workflows/<uuid:pk>/retry/", views.retry, name="retry"),
    path("workflows/<uuid:pk>/steps/", views.steps, name="steps"),
    path("workflows/<uuid:pk>/steps/<int:step>/", views.step, name="step"),
    path("workflows/<uuid:pk>/reasons/<slug:reason>/", resolution_views.offers, name="offers"),
    path("workflows/<uuid:pk>/resolutions/<slug:name>/", resolution_views.resolve, name="resolve"),
    path("workflows/<uuid:pk>/resolutions/<slug:name>/preview/", resolution_views.preview, name="preview"),
    path("workflows/<uuid:pk>/stop/", views.stop, name="stop"),
]
