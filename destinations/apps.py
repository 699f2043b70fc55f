"""The Django application of this room."""

from django.apps import AppConfig


class DestinationsConfig(AppConfig):
    name = "destinations"

    def ready(self) -> None:
        from destinations import probing

        probing.register()
