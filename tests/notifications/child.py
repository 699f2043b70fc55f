"""Dispatchers to be killed: for each line of stdin, one whose clock runs so many seconds ahead.

It is a fork of a process that has loaded everything and opened nothing. Its pid is told when it begins; when
it ended, how it did, and how many seconds a clock must run ahead for its claim to be over.
"""

import os
import sys
from datetime import UTC, datetime, timedelta

import django


def main() -> None:
    django.setup()
    from django.urls import reverse

    from notifications.dispatch import CLAIM_LASTS, dispatch

    reverse("overview")

    for line in sys.stdin:
        ahead = timedelta(seconds=float(line))
        pid = os.fork()
        if pid == 0:
            dispatch(now=lambda: datetime.now(UTC) + ahead)  # noqa: B023 - used in this turn alone
            os._exit(0)
        print(pid, flush=True)  # noqa: T201
        _, status = os.waitpid(pid, 0)
        over = (ahead + CLAIM_LASTS).total_seconds() + 1
        print(os.waitstatus_to_exitcode(status), over, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
