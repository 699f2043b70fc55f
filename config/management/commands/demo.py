"""Make a list in a simulated Klaviyo equal to a query, then serve the web app."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from config import demo, serving
from config.processes import Supervisor


class Command(BaseCommand):
    help = "Run the product on made-up data and a simulated Klaviyo; a further run shows what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--exit", action="store_true", help="end after the result")
        parser.add_argument(
            "--troubles",
            action="store_true",
            help="also make three runs that stop, to be mended on the pages",
        )
        parser.add_argument("--port", type=int, default=8000, help="of the web app, or the next free one")
        parser.add_argument("--rows", type=int, default=50_000, help="customers, on the first run")

    def handle(self, *args: Any, port: int, rows: int, **options: Any) -> None:
        place = Path(settings.DATA_DIR).resolve() / "demo"
        try:
            with demo.alone(place), Supervisor() as supervisor:
                show = demo.Demo(place=place, supervisor=supervisor, say=self._say)
                code = show.run(
                    customers=rows,
                    port=demo.free_port(port),
                    serve=not options["exit"],
                    troubles=options["troubles"],
                )
        except serving.NotServing as problem:
            raise CommandError(f"{problem} What the parts said is in {place / 'logs'}.") from problem
        if code:
            raise SystemExit(code)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
