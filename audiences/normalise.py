"""The rules that make an address or a phone comparable, version 1.

Address: white space and zero-width characters are cut from both ends; the rest is put into Unicode NFC and
lower case; a domain beyond ASCII becomes its A-label (UTS 46, non-transitional); the result is at most 254
characters, its local part at most 64, and matches one ASCII pattern. A local part beyond ASCII is refused.

Phone: E.164, read with the default country when it is written nationally, of a length that is possible in
its country; an extension is dropped. Not checked: whether the number is assigned.

Reasons are codes that are stored; change a rule and `VERSION` together.
"""

import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers

VERSION = 1
MAX_EMAIL_CHARS = 254
MAX_PHONE_CHARS = 60

EMAIL_MISSING = "email_missing"
EMAIL_INVALID = "email_invalid"
PHONE_INVALID = "phone_invalid"
PHONE_NO_COUNTRY = "phone_no_country"
DUPLICATE = "duplicate"
DUPLICATE_CONFLICT = "duplicate_conflict"
VALUE_TYPE = "value_type"
REASONS = (
    EMAIL_MISSING,
    EMAIL_INVALID,
    PHONE_INVALID,
    PHONE_NO_COUNTRY,
    DUPLICATE,
    DUPLICATE_CONFLICT,
    VALUE_TYPE,
)

EMAIL = re.compile(
    r"(?=.{6,254}\Z)(?=[^@]{1,64}@)"
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?:[a-z]{2,63}|xn--[a-z0-9-]{0,58}[a-z0-9])\Z"
)
E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")

# Python's strip() takes Unicode white space; these are invisible too and come along from web forms.
_ZERO_WIDTH = "\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
_ENDS = re.compile(rf"\A[\s{_ZERO_WIDTH}]+|[\s{_ZERO_WIDTH}]+\Z")


class Refused(ValueError):
    """This value cannot be sent; `reason` is one of `REASONS` and the value itself is never in the text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def email(raw: object) -> str:
    """Return the address in its one comparable form.

    Raises Refused with `email_missing` for nothing but white space, else with `email_invalid`.
    """
    if type(raw) is str and EMAIL.match(raw):
        return raw
    if raw is None:
        raise Refused(EMAIL_MISSING)
    if not isinstance(raw, str):
        raise Refused(EMAIL_INVALID)
    text = trimmed(raw)
    if not text:
        raise Refused(EMAIL_MISSING)
    local, at, domain = text.lower().rpartition("@")
    clean = local + at + _ascii_domain(domain)
    if not EMAIL.match(clean):
        raise Refused(EMAIL_INVALID)
    return clean


def trimmed(text: str) -> str:
    """Return the text in NFC without white space and zero-width characters at its ends."""
    return unicodedata.normalize("NFC", _ENDS.sub("", text))


def _ascii_domain(domain: str) -> str:
    if domain.isascii() or len(domain) > MAX_EMAIL_CHARS:
        return domain
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise Refused(EMAIL_INVALID) from error


def phone(raw: object, default_country: str | None) -> str:
    """Return the number in E.164; `default_country` is an ISO code of two letters, or None.

    Raises Refused with `phone_no_country` when the number is written nationally and the country is not
    known, else with `phone_invalid`. An absent phone is not asked for here.
    """
    text = _phone_text(raw)
    if E164.match(text) and _is_possible(text):
        return text
    number = _parsed(text, default_country)
    clean = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # What was made must be read back as itself, or a second run would see a change where there is none.
    if not E164.match(clean) or not (_is_possible(clean) or _reads_as_itself(clean)):
        raise Refused(PHONE_INVALID)
    return clean


def _phone_text(raw: object) -> str:
    if isinstance(raw, bool):
        raise Refused(PHONE_INVALID)
    if isinstance(raw, float):
        if not raw.is_integer() or abs(raw) > 2**53:
            raise Refused(PHONE_INVALID)
        raw = int(raw)
    if isinstance(raw, int):
        # Python refuses to write out very long whole numbers.
        raw = str(raw) if abs(raw) < 10**MAX_PHONE_CHARS else "-"
    if not isinstance(raw, str) or len(raw) > MAX_PHONE_CHARS:
        raise Refused(PHONE_INVALID)
    return trimmed(raw)


def _parsed(text: str, default_country: str | None) -> phonenumbers.PhoneNumber:
    region = default_country.upper() if default_country else None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        written_nationally = not text.startswith(("+", "\uff0b"))
        if error.error_type == error.INVALID_COUNTRY_CODE and written_nationally:
            raise Refused(PHONE_NO_COUNTRY) from None
        raise Refused(PHONE_INVALID) from None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise Refused(PHONE_INVALID)
    return number


def calling_codes() -> dict[str, str]:
    """Return every country a number can be read with, ISO code to calling code such as `+46`."""
    return {
        region: f"+{phonenumbers.country_code_for_region(region)}"
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    }


def _reads_as_itself(clean: str) -> bool:
    number = _parsed(clean, None)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == clean


def _is_possible(e164: str) -> bool:
    """Say whether a clean number is surely possible; False means that the library must look."""
    for digits in (1, 2, 3):
        lengths = _national_lengths(int(e164[1 : 1 + digits]))
        if lengths is not None:
            # A leading zero may be a trunk prefix that the library would cut.
            return e164[1 + digits] != "0" and len(e164) - 1 - digits in lengths
    return False


@lru_cache(maxsize=1024)
def _national_lengths(country_code: int) -> frozenset[int] | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(country_code)
    if regions is None:
        return None
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(country_code, regions[0])
    if metadata is None or metadata.general_desc is None:
        return frozenset()
    return frozenset(metadata.general_desc.possible_length)
