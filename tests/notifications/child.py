"""Dispatchers to be killed: for each line of stdin, one whose clock runs so many seconds ahead.

It is a fork of a process that has loaded everything and opened nothing. Its pid is told when it begins, and
when it ended, how many seconds a clock must run ahead for its claim to be over.
"""

import os
import sys
from datetime import UTC, datetime, timedelta

import django


def main() -> None:
    django.setup()
    from notifications.dispatch import CLAIM_LASTS, dispatch

    for line in sys.stdin:
        ahead = timedelta(seconds=float(line))
        pid = os.fork()
        if pid == 0:
            dispatch(now=lambda: datetime.now(UTC) + ahead)  # noqa: B023 - used in this turn alone
            os._exit(0)
        print(pid, flush=True)  # noqa: T201
        os.waitpid(pid, 0)
        print((ahead + CLAIM_LASTS).total_seconds() + 1, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
