"""The Django application of this room."""

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
