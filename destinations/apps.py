"""The Django application of this room."""

from django.apps import AppConfig


class DestinationsConfig(AppConfig):
    name = "destinations"

    def ready(self) -> None:
        """Offer the room of credentials a way to test the keys that only this room can use."""
        from credentials import probes
        from destinations.accounts_check import probe
        from destinations.registry import PLUGINS
        from destinations.sftp import checking

        for kind in {plugin.credential_kind for plugin in PLUGINS.values()}:
            probes.register(kind, probe)
        for kind in checking.DEFAULT_FOLDERS:
            probes.register(kind, checking.probe)
            probes.register_host_key_reader(kind, checking.host_key)
