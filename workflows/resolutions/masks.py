"""How a value is shown before and after it would be changed: its form, and as little of it as that needs."""

import re

SHOWN = 4
_LONGEST = 40
_CALLING_CODE = re.compile(r"\+(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})")


def phone_as_written(raw: str) -> str:
    """Return such as `(•••) •••-1234`: how it was written, and its last digits when it is long enough."""
    text = raw.strip()[:_LONGEST]
    digits = sum(character.isdigit() for character in text)
    shown = SHOWN if digits > SHOWN + 2 else 0
    hidden = []
    for character in reversed(text):
        if character.isdigit() and shown:
            shown -= 1
            hidden.append(character)
        else:
            hidden.append("•" if character.isalnum() else character)
    return "".join(reversed(hidden))


def phone_as_sent(e164: str) -> str:
    """Return such as `+1••••••1234` of a number in E.164."""
    found = _CALLING_CODE.match(e164)
    code = found[0] if found else "+"
    return f"{code}{'•' * (len(e164) - len(code) - SHOWN)}{e164[-SHOWN:]}"


def value(raw: str) -> str:
    """Return the form of any value: digits as 0, letters as a, so that `12 kr` is `00 aa`."""
    return "".join("0" if each.isdigit() else "a" if each.isalpha() else each for each in raw[:_LONGEST])
