"""Why a person did not end up on the list as the query says, and what can be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from workflows.words import people


@dataclass(frozen=True)
class Reason:
    title: str
    remedy: str


NOT_LOADED: dict[str, Reason] = {
    "email_missing": Reason("No e-mail address", "Fill the address at the source; the next run takes them"),
    "email_invalid": Reason(
        "E-mail address is not valid", "Correct it at the source; the next run takes them"
    ),
    "phone_invalid": Reason(
        "Phone number is not valid", "Correct it, or unmap the phone in the data template"
    ),
    "phone_no_country": Reason(
        "Phone number has no country code", "Set a default country in the data template"
    ),
    "duplicate": Reason("Same person twice in the query", "Nothing: one of the rows was taken, by the rule"),
    "duplicate_conflict": Reason("Same person twice, with different values", "Choose which row counts"),
    "value_type": Reason("A value has another type than its field", "Change the field’s type, or the query"),
}
REFUSED: dict[str, Reason] = {
    "duplicate_profile": Reason("Several profiles match", "Choose which profile keeps what"),
    "too_large": Reason("Larger than 100 kB", "Send fewer fields"),
}
REJECTED = Reason("Refused by Klaviyo", "Look at the row at the source; it is tried again next run")
KEPT_OUT = Reason("Left the list by themselves", "Nothing: they are not put back")
NOT_SEEN = Reason("Uploaded, and not seen on the list", "Send the missing by API, or wait longer")
UNKNOWN = Reason("Not confirmed", "Run again; the list is compared anew")


def not_loaded(code: str) -> Reason:
    """The reason behind a code of the rules that make rows clean."""
    return NOT_LOADED.get(code) or Reason(spelled(code), "Look at the row at the source")


def rejected(code: str) -> Reason:
    """The reason behind a code of Klaviyo's; its own word is kept, since its help is found under it."""
    if known := REFUSED.get(code):
        return known
    return Reason(f"{REJECTED.title}: {spelled(code).lower()}", REJECTED.remedy) if code else REJECTED


def refused(by_code: Mapping[str, int]) -> str:
    """Say whom Klaviyo refused and why; empty when nobody. One who is on the list already stays there."""
    number = sum(by_code.values())
    if not number:
        return ""
    codes = sorted(by_code.items(), key=lambda pair: -pair[1])
    why = [
        spelled(code).lower() if len(codes) == 1 else f"{n:,} {spelled(code).lower()}" for code, n in codes
    ]
    return f"Klaviyo refused {people(number)}: {', '.join(why)}."


def spelled(code: str) -> str:
    """Write a code as words: `invalid_phone_number` is “Invalid phone number”."""
    words = code.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] if words else "Unknown reason"
