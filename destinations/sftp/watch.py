"""A watch over one connection: it ends what keeps us waiting; a blocked thread sees no clock."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watch:
    """Calls `end` once, from a thread of its own, when a deadline passes. Close it when done.

    An SSH library waits in many places, some of them without a timeout; ending the connection frees them all.
    """

    def __init__(self, end: Callable[[], None], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._end = end
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._seconds = 0.0
        self._deadline: float | None = None
        self._closed = False
        self._late = False
        self._thread = threading.Thread(target=self._run, name="sftp-watch", daemon=True)
        self._thread.start()

    @property
    def late(self) -> bool:
        """Whether a deadline passed, so that whatever failed since failed because of it."""
        return self._late

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the connection unless this is over in `seconds`, or in so many after the last `progress`."""
        with self._changed:
            self._seconds = seconds
            self._deadline = self._monotonic() + seconds
            self._changed.notify()
        try:
            yield
        finally:
            self._deadline = None

    def progress(self) -> None:
        """Start the seconds of `within` again."""
        # The thread wakes at the old deadline and finds the new one: nobody needs to be told.
        self._deadline = self._monotonic() + self._seconds

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                deadline = self._deadline
                left = None if deadline is None else deadline - self._monotonic()
                if left is not None and left <= 0:
                    self._late = True
                    break
                self._changed.wait(left)
        if self._late:
            self._end()
