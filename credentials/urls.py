"""Addresses of this room."""

from django.urls import path

from credentials import views

app_name = "credentials"

urlpatterns = [
    path("", views.listed, name="list"),
    path("new/", views.add, name="add"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/secret/", views.replace_secret, name="replace-secret"),
    path("<uuid:pk>/address/", views.readdress, name="readdress"),
    path("<uuid:pk>/host-key/", views.accept_host_key, name="accept-host-key"),
    path("<uuid:pk>/test/", views.test, name="test"),
]
