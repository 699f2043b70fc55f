"""Addresses of this room."""

from django.urls import path

from notifications import views

app_name = "notifications"

urlpatterns = [
    path("", views.listed, name="list"),
    path("bell/", views.bell, name="bell"),
    path("readings/", views.read, name="read"),
    path("channels/", views.channels, name="channels"),
    path("channels/add/", views.add, name="add-channel"),
    path("channels/<uuid:pk>/", views.change, name="channel"),
    path("channels/<uuid:pk>/trial/", views.try_out, name="try-channel"),
    path("channels/<uuid:pk>/removal/", views.remove, name="remove-channel"),
    path("orchestrations/<uuid:about>/telling/", views.tell, name="tell"),
    path("<uuid:pk>/", views.followed, name="follow"),
]
