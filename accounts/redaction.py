"""The second line of defence for text that is kept: whatever looks like a person or a key is blotted out.

The first line is not to write such things at all. It errs on the side of blotting out a harmless number.
"""

import re
from collections.abc import Callable

ADDRESS = "[address]"
PHONE = "[phone]"
KEY = "[key]"
LOGIN = "[password]"

# Dates, IP addresses and UUIDs are found first, so that their digits are not taken for a telephone number.
_SHAPES = re.compile(
    r"""
    (?P<kept>
        \d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?
      | (?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])
      | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b
    )
  | (?P<login>(?<=://)[^/\s@]{1,256}(?=@))
  | (?P<address>[^\s"'<>()\[\]{},;:=@/]{1,128}(?:@|%40)[^\s"'<>()\[\]{},;:=@/&?]{1,255})
  | (?P<key>(?<![A-Za-z0-9])[ps]k_[A-Za-z0-9_-]{8,})
  | (?P<phone>(?<![\w.+])\+?\(?\d(?:[ ()./\-]{0,3}\d){7,14}(?![\w]))
    """,
    re.VERBOSE,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(
    text: str,
    *,
    address: Callable[[str], str] = lambda _: ADDRESS,
    phone: Callable[[str], str] = lambda _: PHONE,
) -> str:
    """Return `text` with everything of the shape of an address, a telephone number or a key replaced.

    `address` and `phone` say by what; so is the login before the host of a URL, and a key, by a fixed word.
    """

    def replacement(found: re.Match[str]) -> str:
        if found["address"]:
            return address(found["address"])
        if found["phone"]:
            return found["phone"] if _is_a_count(found["phone"]) else phone(found["phone"])
        return found["kept"] or (KEY if found["key"] else LOGIN)

    return _SHAPES.sub(replacement, text)


def one_line(text: str) -> str:
    """Return `text` with line breaks and control characters spelled out: it cannot forge a log line."""
    return _CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _is_a_count(text: str) -> bool:
    """Nine bare digits count rows or name a day; national numbers written bare have ten and more."""
    return text.isdigit() and len(text) < 10
