"""The Django application of this room."""

from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    name = "audiences"
