"""The wiring as a Django application, so that it can offer commands."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
