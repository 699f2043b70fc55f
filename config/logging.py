"""Logs that hold no person and no secret: named fields only, errors without variables or foreign words."""

import copy
import logging
import sys
import traceback
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from accounts.redaction import clean, one_line

# A field that is not named here never reaches a log; its name does, so that somebody can ask for it.
# fmt: off
ALLOWED = frozenset(
    {
        "event", "level", "logger", "timestamp", "exception", "dropped",
        "workflow", "step", "batch", "plan", "orchestration", "query", "source", "destination", "template",
        "credential", "audience_list", "list_id",
        "account", "account_id", "state", "previous", "action", "code", "error_ids", "kind", "plugin",
        "mode", "path_kind", "revision", "version",
        "attempt", "fence", "worker", "task", "task_id", "request_id", "job_id", "process", "pid",
        "returncode", "signal", "host", "port",
        "method", "endpoint", "status", "reason", "view",
        "rows", "candidates", "members", "adds", "updates", "removes", "unchanged", "kept_out",
        "not_loaded", "rejected", "count", "pages", "bytes",
        "seconds", "wait_seconds", "estimate_seconds", "actor_id", "key_id",
    }
)
# fmt: on
OUR_ROOMS = frozenset(
    {"accounts", "api", "audiences", "config", "credentials", "destinations", "simulator", "workflows"}
)


def logging_settings(*, level: str, plain: bool) -> dict[str, Any]:
    """Return Django's LOGGING: one JSON object a line on standard error, or plain lines for a person."""
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = plain_line if plain else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": Lines,
                "foreign_pre_chain": _shared(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    describe_error,
                    keep_allowed,
                    scrub,
                    renderer,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": _loggers(level),
    }


def _loggers(level: str) -> dict[str, Any]:
    """What is written of other people's loggers."""
    return {
        # These speak of every request, URL or tick at INFO; URLs to Klaviyo can hold an address.
        **{
            name: {"level": "WARNING"}
            for name in ("httpx", "httpcore", "paramiko", "celery.beat", "celery.app.trace", "asyncio")
        },
        "celery.worker.strategy": {"level": "WARNING"},
        # At DEBUG this one writes every statement with its values.
        "django.db.backends": {"level": "INFO"},
        # Django's default handlers would write the same lines a second time, or mail them.
        "django": {"handlers": [], "level": level, "propagate": True},
        "django.server": {"handlers": [], "level": level, "propagate": True},
    }


class Lines(structlog.stdlib.ProcessorFormatter):
    """Turns each record into a line, also one whose arguments do not fit: logging itself would print them."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            record.getMessage()
        except (TypeError, ValueError, KeyError):
            record = copy.copy(record)
            record.msg, record.args = "a log message that does not fit its arguments", None
        return super().format(record)


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def describe_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into the places an error passed, never into the values of variables.

    The words of an error are kept only when one of our rooms wrote them: a driver's words quote rows.
    """
    found = event.pop("exc_info", None)
    error = _error_of(found)
    if error is not None:
        event["exception"] = "\n".join(_chain(error))
    event.pop("stack_info", None)
    return event


def _error_of(found: ExcInfo | BaseException | bool | None) -> BaseException | None:
    if isinstance(found, BaseException):
        return found
    if isinstance(found, tuple):
        return found[1]
    if found:
        return sys.exc_info()[1]
    return None


def _chain(error: BaseException) -> list[str]:
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines = [*_places(current.__traceback__), _name(current), *lines]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _places(found: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(found)]


def _name(error: BaseException) -> str:
    kind = type(error)
    named = f"{kind.__module__}.{kind.__qualname__}"
    return f"{named}: {error}" if kind.__module__.partition(".")[0] in OUR_ROOMS else named


def keep_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop every field whose name is not on the list, and say which names were dropped."""
    dropped = sorted(name for name in event if name not in ALLOWED)
    kept = {name: value for name, value in event.items() if name in ALLOWED}
    if dropped:
        kept["dropped"] = dropped
    return kept


def scrub(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace whatever has the shape of an address, a phone or a key, in text and in lists of text.

    This is a second wall, for words that come from libraries. An exception alone may have several lines.
    """
    return {
        name: clean(str(value)) if name == "exception" else _scrubbed(value) for name, value in event.items()
    }


def _scrubbed(value: object) -> object:
    if isinstance(value, bool | int | float | type(None)):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(item) for item in value]
    return one_line(clean(str(value)))


def plain_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line for a person, the places of an error below it."""
    fields = {name: value for name, value in event.items() if name not in _OWN_PLACE}
    told = " ".join(f"{name}={value}" for name, value in fields.items())
    clock = str(event.get("timestamp", ""))[11:19]
    line = f"{clock} {event.get('level', ''):<7} {event.get('event', '')} {told}".rstrip()
    return f"{line}\n{event['exception']}" if "exception" in event else line


_OWN_PLACE = frozenset({"timestamp", "level", "event", "logger", "exception"})
