"""What can go wrong on the way to a destination, sorted by what to do next.

Messages are plain sentences for a page or a log: they hold no secret and no person.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# Anything quoted, any address and any long number may be somebody's data.
_PERSONAL = re.compile(r"'[^']*'|\"[^\"]*\"|\S*@\S*|\+?\d[\d\s().-]{5,}\d")
MAX_DETAIL_CHARS = 200


@dataclass(frozen=True)
class Pointer:
    """Where in a request a destination saw a mistake.

    `index` counts the rows of the request from 0; None when the mistake is not about one row.
    `field` is the attribute (`email`, `properties.Tier`), `code` the destination's own word, and
    `detail_code` ours: `email_invalid`, `phone_invalid`, `field_unknown`, `too_large`, `duplicate_profile` or
    `value_invalid`.
    """

    index: int | None
    field: str
    code: str
    detail_code: str


class DeliveryError(Exception):
    """A call did not do what was asked.

    `code` is stable and has its resolutions; `error_ids` are the destination's own ids, for its support.
    `left_nothing` is set where it is known that nothing of what was sent can take effect any more. `heard` is
    the answer, without people (see `destinations.redacted`); None when none came.
    """

    left_nothing = False
    heard: Mapping[str, Any] | None = None

    def __init__(
        self, code: str, message: str, *, status: int | None = None, error_ids: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.error_ids = error_ids


class RetryLater(DeliveryError):
    """Nothing was changed; the same request may be sent again, not before `after`.

    `after` is None when the destination did not say; `not_sent` is True when the request never left.
    Codes: `throttled`, `upstream_unavailable`, `unreachable`, `tls_untrusted`, `blocked_at_edge`,
    `unexpected_answer`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        after: timedelta | None = None,
        not_sent: bool = False,
        status: int | None = None,
        error_ids: tuple[str, ...] = (),
    ) -> None:
        super().__init__(code, message, status=status, error_ids=error_ids)
        self.after = after
        self.not_sent = not_sent


class Rejected(DeliveryError):
    """The request was refused and nothing of it was done; it must not be sent again as it is.

    `pointers` say which rows are at fault, `profile_ids` which ids the destination does not know; both may
    be empty. Codes: `rejected`, `too_large`, `conflict`, `invalid_profile_ids`, `invalid_cursor`,
    `job_expired`, `not_found`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        pointers: tuple[Pointer, ...] = (),
        profile_ids: tuple[str, ...] = (),
        error_ids: tuple[str, ...] = (),
    ) -> None:
        super().__init__(code, message, status=status, error_ids=error_ids)
        self.pointers = pointers
        self.profile_ids = profile_ids


class Ambiguous(DeliveryError):
    """No usable answer came to a request that may have changed something: look before repeating it.

    Codes: `answer_lost`, `upstream_unavailable`, `unexpected_answer`.
    """


class NeedsDecision(DeliveryError):
    """A person must change something first; nothing of the request was done.

    `after` is set when waiting that long helps as well (a daily allowance). `facts` are what a person needs
    to decide, as JSON: `scopes` that are missing, the `account` that a key opens. Codes:
    `invalid_credentials`, `permission_missing`, `wrong_account`, `max_lists`, `daily_list_creations`,
    `list_ambiguous`, `list_gone`, `revision_retired`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        after: timedelta | None = None,
        error_ids: tuple[str, ...] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message, status=status, error_ids=error_ids)
        self.after = after
        self.facts = dict(facts or {})


class HoldOn(DeliveryError):
    """Our own pace says: not before `until`. Nothing was sent and no slot was booked.

    `cause` is `burst`, `steady`, `daily`, `penalty` (the destination told us to wait), `outage` (all of the
    account fails, and one call at a time tries) or `creating` (another worker may be creating the same list).
    """

    def __init__(self, until: datetime, *, cause: str, endpoint: str = "") -> None:
        super().__init__("rate_limited", f"Waiting for the rate limit of {endpoint or 'the account'}.")
        self.until = until
        self.cause = cause
        self.endpoint = endpoint


def without_people(detail: str) -> str:
    """Return the destination's own words with every quoted value, address and long number taken out."""
    return _PERSONAL.sub("…", detail)[:MAX_DETAIL_CHARS].strip()
