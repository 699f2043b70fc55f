"""The Django application of this room."""

from django.apps import AppConfig


class DestinationsConfig(AppConfig):
    name = "destinations"
