"""Run the whole product on this machine until Ctrl-C, or until one part of it fails."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from config import serving
from config.processes import Supervisor


class Command(BaseCommand):
    help = "Migrate, then run a private Valkey (unless REDIS_URL is set), the worker, beat and the web app."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--processes", type=int, default=2, help="how many workflows may work at once")

    def handle(self, *args: Any, host: str, port: int, processes: int, **options: Any) -> None:
        if not serving.is_free(host, port):
            raise CommandError(f"Port {port} is taken. Choose another: up --port {port + 1}")
        prepare()
        try:
            self.serve(host=host, port=port, processes=processes)
        except serving.NotServing as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write("Stopped.")

    def serve(self, *, host: str, port: int, processes: int) -> None:
        """Start every part, then wait. Raises NotServing when a part ends before somebody asked for it."""
        with Supervisor() as supervisor, serving.private_broker(supervisor) as url:
            env = {"REDIS_URL": url}
            serving.start_worker(supervisor, env, processes=processes)
            serving.start_beat(supervisor, env)
            serving.start_web(supervisor, env, host=host, port=port)
            self.stdout.write(f"Rollcall is at http://{host}:{port}/ · Ctrl-C stops it")
            self.stdout.flush()
            if ended := supervisor.wait():
                raise serving.NotServing(serving.told(ended))


def prepare() -> None:
    """Bring the database and the static files up to this version."""
    call_command("migrate", interactive=False, verbosity=0)
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
