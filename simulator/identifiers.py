"""Says which addresses and numbers Klaviyo takes, and how it writes them down."""

import re

# Klaviyo publishes no rule. Its import page refuses spaces and `( ) , : ; [ / ]`; a large connector also
# holds back single-letter top-level domains because they are refused.
EMAIL = re.compile(r"[^\s@(),:;\[\]/<>\"\\]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
E164 = re.compile(r"\+[0-9]{1,15}")
SHORTEST_PHONE = 8

BAD_EMAIL = "Invalid email address"
BAD_PHONE = "Invalid phone number format (Example of a valid format: +12345678901)"


def is_email(text: str) -> bool:
    return len(text) <= 254 and EMAIL.fullmatch(text) is not None and ".." not in text


def is_phone(text: str) -> bool:
    """Tell whether a number has the form E.164 asks for, however short it is."""
    return E164.fullmatch(text) is not None


def is_dialable(text: str) -> bool:
    """Tell whether a number of the right form is long enough to be one."""
    return len(text) > SHORTEST_PHONE


def problems(attributes: dict) -> dict[str, str]:
    """Return what Klaviyo would say to each identifier it does not take, by field."""
    found = {}
    email, phone = attributes.get("email"), attributes.get("phone_number")
    if email is not None and not is_email(email):
        found["email"] = BAD_EMAIL
    if phone is not None and not is_phone(phone):
        found["phone_number"] = BAD_PHONE
    return found
