"""The pages of workflows over a long history, 100,000 with 5,000,000 attempts: times and queries.

`python3 run.py bench workflows [workflows] [--attempts N]` fills a PostgreSQL of its own, then asks for every
page again and again. Goals: the list within 300 ms at the 95th percentile, in at most ten queries.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import filling

GOAL_SECONDS, GOAL_QUERIES = 0.3, 10
ROUNDS = 30


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench workflows")
    asked.add_argument("workflows", type=int, nargs="?", default=100_000)
    asked.add_argument("--attempts", type=int, default=5_000_000, help="calls of all workflows together")
    asked.add_argument("--rounds", type=int, default=ROUNDS, help="how often each page is asked for")
    given = asked.parse_args()
    _prepare()
    began = time.monotonic()
    filling.fill(given.workflows, attempts=given.attempts)
    print(f"filled in {time.monotonic() - began:.0f} s: {_sizes()}", flush=True)
    _measure(given.rounds)


def _prepare() -> None:
    """Make an empty installation on a PostgreSQL that ends with this process."""
    from tests import services

    os.environ["DATABASE_URL"] = services.postgres_url()
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="rollcall-bench-")
    os.environ["EMBEDDED_KEYS"] = "true"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["LOG_LEVEL"] = "ERROR"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _sizes() -> str:
    from django.db import connection

    from workflows.models import Attempt, Event, Step, Workflow

    models = (Workflow, Step, Attempt, Event)
    numbers = [f"{model.objects.count():,} {model._meta.verbose_name}s" for model in models]
    with connection.cursor() as cursor:
        cursor.execute("select pg_size_pretty(pg_database_size(current_database()))")
        size = cursor.fetchone()
    return f"{', '.join(numbers)}, {size[0] if size else '?'}"


@dataclass(frozen=True)
class Page:
    """A page that is asked for: where, with what, and whether the goals are for it."""

    name: str
    url: str
    given: Mapping[str, Any]
    is_list: bool = True
    headers: Mapping[str, str] | None = None


def _pages() -> list[Page]:
    from django.urls import reverse

    from destinations.models import Destination
    from workflows.models import Workflow

    listed = reverse("workflows:list")
    place = Destination.objects.earliest("name")
    done = Workflow.objects.filter(state="succeeded").order_by("-created_at")[500]
    held = Workflow.objects.filter(state="paused").latest("created_at")
    of_list: dict[str, dict[str, Any]] = {
        "list": {},
        "list, one tab": {"state": "stopped"},
        "list, last 7 days": {"since": "week"},
        "list, destination and kind": {"destination": str(place.pk), "kind": "api"},
        "search by name": {"q": "cart"},
        "search by id": {"q": str(done.pk)[:8]},
        "search by person": {"q": "dora"},
        "search for nothing": {"q": "zzzz"},
        "sort by status": {"sort": "status"},
        "sort by workflow": {"sort": "workflow"},
        "sort by took": {"sort": "-took"},
        "oldest first": {"sort": "started"},
        "page 2,000": {"page": 2_000},
        "last page": {"page": 4_000},
        "all at once": {"q": "cart", "since": "month", "sort": "-took", "state": "verified", "page": 5},
    }
    one = [
        Page("workflow, over", reverse("workflows:detail", args=[done.pk]), {}, is_list=False),
        Page("workflow, needs a decision", reverse("workflows:detail", args=[held.pk]), {}, is_list=False),
        Page(
            "its steps",
            reverse("workflows:steps", args=[done.pk]),
            {"steps": 1},
            is_list=False,
            headers={"HX-Request": "true"},
        ),
    ]
    return [Page(name, listed, given) for name, given in of_list.items()] + one


def _measure(rounds: int) -> None:
    from django.test import Client

    from accounts.models import User

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.create_superuser("bench", password="not used anywhere"))
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"\n{os.cpu_count()} cores, load {busy}; cpu is that of the page and of its database together")
    print(f"{'page':28} {'queries':>7} {'p50':>9} {'p95':>9} {'cpu':>9}")
    missed = []
    for page in _pages():
        queries = _queries(client, page)
        before = _cpu_seconds()
        times = sorted(_timed(lambda page=page: _get(client, page)) for _ in range(rounds))  # type: ignore[misc]
        cpu = (_cpu_seconds() - before) / rounds
        p50, p95 = statistics.median(times), times[min(int(len(times) * 0.95), len(times) - 1)]
        over = page.is_list and (p95 > GOAL_SECONDS or queries > GOAL_QUERIES)
        told = f"{page.name:28} {queries:7} {p50 * 1000:6.0f} ms {p95 * 1000:6.0f} ms {cpu * 1000:6.0f} ms"
        print(f"{told}{'  over' if over else ''}", flush=True)
        missed += [page.name] if over else []
    goal = f"the list within {GOAL_SECONDS * 1000:.0f} ms at p95, in {GOAL_QUERIES} queries"
    print(f"\ngoal: {goal}: {'missed by ' + ', '.join(missed) if missed else 'met'}")


def _get(client: Any, page: Page) -> None:
    answer = client.get(page.url, page.given, headers=dict(page.headers or {}))
    if answer.status_code != 200:
        raise SystemExit(f"{page.name} answered {answer.status_code}")


def _queries(client: Any, page: Page) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as seen:
        _get(client, page)
    if os.environ.get("BENCH_SQL"):
        for query in seen.captured_queries:
            print(f"    {float(query['time']) * 1000:6.0f} ms  {query['sql'][:300]}")
    return len(seen)


def _cpu_seconds() -> float:
    """What this process and its server process of PostgreSQL have computed so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        told = cursor.fetchone()
    # Source: proc_pid_stat(5); fields 14 and 15 are utime and stime, counted behind the name in brackets.
    fields = Path(f"/proc/{told[0] if told else 0}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _timed(call: Callable[[], None]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
