"""Addresses of this room."""

from django.urls import path

from audiences import views

app_name = "audiences"

urlpatterns = [
    path("queries/", views.listed, name="queries"),
    path("queries/<uuid:pk>/", views.detail, name="query"),
    path("queries/<uuid:pk>/preview/", views.preview, name="preview"),
    path("queries/<uuid:pk>/activation/", views.activate, name="activate"),
    path("sources/<uuid:pk>/test/", views.test_source, name="test-source"),
]
