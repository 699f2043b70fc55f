"""Two answers for machines that watch this one: is the process alive, and can it do its work."""

import logging
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

ALIVE = "/healthz"
READY = "/readyz"
BROKER_SECONDS = 2


class HealthMiddleware:
    """Answer before sign-in, host checks and the redirect to TLS: a watcher asks by address, not by name.

    The answers hold no detail; what is wrong stands in the log.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == ALIVE:
            return _answer(True)
        if request.path_info == READY:
            return _answer(not failing())
        return self.get_response(request)


def _answer(well: bool) -> HttpResponse:
    answer = HttpResponse(
        "ok" if well else "unavailable", status=200 if well else 503, content_type="text/plain"
    )
    answer["Cache-Control"] = "no-store"
    return answer


def failing() -> list[str]:
    """Return the parts that do not answer: `database`, `broker`; an empty list means ready."""
    probes = {"database": _database_answers, "broker": _broker_answers}
    found = [part for part, answers in probes.items() if not answers()]
    for part in found:
        log.warning("not ready: the %s does not answer", part)
    return found


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() == (1,)
    except DatabaseError:
        return False


def _broker_answers() -> bool:
    # Without a broker of its own this process wakes nobody, and that is a form we support.
    if not settings.REDIS_URL:
        return True
    url = settings.REDIS_URL.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    client = redis.Redis.from_url(url, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
