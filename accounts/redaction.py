"""The second line of defence for text that is kept: whatever looks like a person or a key is blotted out.

The first line is not to write such things at all. It errs on the side of blotting out a harmless number.
"""

import logging
import re

ADDRESS = "[address]"
PHONE = "[phone]"
KEY = "[key]"

# Dates, IP addresses and UUIDs are found first, so that their digits are not taken for a telephone number.
_SHAPES = re.compile(
    r"""
    (?P<kept>
        \d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?
      | (?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])
      | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b
    )
  | (?P<address>[^\s"'<>()\[\]{},;:=@/]{1,128}(?:@|%40)[^\s"'<>()\[\]{},;:=@/&?]{1,255})
  | (?P<key>(?<![A-Za-z0-9])[ps]k_[A-Za-z0-9_-]{8,})
  | (?P<phone>(?<![\w.+])\+?\(?\d(?:[ ()./\-]{0,3}\d){7,14}(?![\w]))
    """,
    re.VERBOSE,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_PLAIN_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def clean(text: str) -> str:
    """Return `text` with everything of the shape of an address, a telephone number or a key replaced."""
    return _SHAPES.sub(_replacement, text)


def one_line(text: str) -> str:
    """Return `text` with line breaks and control characters spelled out: it cannot forge a log line."""
    return _CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


class Redact(logging.Filter):
    """Cleans a record where it stands: its message, its extra fields and the text of its exception.

    It belongs on handlers: a filter on a logger does not see the records of the loggers under it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = one_line(clean(_message(record))), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = clean(record.exc_text)
        if record.stack_info:
            record.stack_info = clean(record.stack_info)
        for name, value in vars(record).items():
            if name not in _PLAIN_RECORD and isinstance(value, str):
                setattr(record, name, one_line(clean(value)))
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # Placeholders and arguments that do not fit must not stop the program that logs.
        return "a log message that does not fit its arguments"


def _replacement(found: re.Match[str]) -> str:
    if found["kept"]:
        return found["kept"]
    if found["address"]:
        return ADDRESS
    if found["key"]:
        return KEY
    return found["phone"] if _is_a_count(found["phone"]) else PHONE


def _is_a_count(text: str) -> bool:
    """Nine bare digits count rows or name a day; national numbers written bare have ten and more."""
    return text.isdigit() and len(text) < 10
