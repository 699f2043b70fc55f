"""Addresses of this room."""

from django.urls import path

from destinations import views

app_name = "destinations"

urlpatterns = [
    path("", views.listed, name="list"),
    path("new/", views.add, name="add"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/test/", views.test, name="test"),
    path("<uuid:pk>/files/", views.files, name="files"),
    path("<uuid:pk>/templates/new/", views.add_template, name="add-template"),
]
