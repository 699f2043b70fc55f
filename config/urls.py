"""Every address of the web app, room by room."""

from django.urls import URLPattern, URLResolver, include, path

from workflows import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.overview, name="overview"),
    path("", include("accounts.urls")),
    path("credentials/", include("credentials.urls")),
    path("", include("audiences.urls")),
    path("destinations/", include("destinations.urls")),
    path("notifications/", include("notifications.urls")),
    path("", include("workflows.urls")),
]
