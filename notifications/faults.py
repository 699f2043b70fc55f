"""Why a message was not taken, in codes that can be kept, and a sentence for each."""

from enum import StrEnum


class Fault(StrEnum):
    NONE = ""
    NOT_TAKEN = "not_taken"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNKNOWN_SERVICE = "unknown_service"
    SECRET = "secret_unreadable"  # noqa: S105 - a code
    FAILED = "failed"


SENTENCES = {
    Fault.NOT_TAKEN: "The service could not be reached, or did not take the message. "
    "Check the URL, and whether its token still holds.",
    Fault.UNREACHABLE: "The mail server could not be reached. Check EMAIL_URL.",
    Fault.TIMEOUT: "The service did not answer in time.",
    Fault.UNKNOWN_SERVICE: "No service goes by such a URL, or a part of it is missing.",
    Fault.SECRET: "Where to send cannot be opened: enter it again, or put CREDENTIALS_KEYS right.",
    Fault.FAILED: "Sending failed inside Rollcall.",
}


def sentence(code: str) -> str:
    """Say what a code means; empty for what went well."""
    return SENTENCES.get(Fault(code), "") if code in set(Fault) else SENTENCES[Fault.FAILED]
