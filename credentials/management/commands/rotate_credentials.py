"""Seal every stored secret with the newest of CREDENTIALS_KEYS; run it again after any interruption."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from credentials.rotation import rotate


class Command(BaseCommand):
    help = "Seal every stored secret with the newest key. Safe to stop and to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        loud = options["verbosity"] > 1
        done = rotate(told=lambda name: self.stdout.write(f'sealed again: "{name}"') if loud else None)
        self.stdout.write(
            f"{done.rotated} sealed again, {done.current} already under the newest key, "
            f"{done.changed_meanwhile} changed meanwhile, {len(done.unreadable)} unreadable."
        )
        if done.unreadable:
            names = ", ".join(f'"{name}"' for name in done.unreadable)
            raise CommandError(
                f"No key opens the secret of {names}. Put the missing key back into CREDENTIALS_KEYS and run "
                "this again, or paste these secrets again."
            )
        self.stdout.write(
            "Keep the older keys in CREDENTIALS_KEYS until files they sealed have expired (RETENTION_DAYS)."
        )
