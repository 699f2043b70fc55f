"""The Django application of this room."""

from django.apps import AppConfig
from django.core.checks import register
from django.core.exceptions import ImproperlyConfigured


class CredentialsConfig(AppConfig):
    name = "credentials"

    def ready(self) -> None:
        from credentials import checks

        register(checks.check_keys)
        problems = checks.setting_problems()
        if problems:
            # Web servers and workers run no system checks; a key that cannot be read stops them here.
            raise ImproperlyConfigured(" ".join(problems))
