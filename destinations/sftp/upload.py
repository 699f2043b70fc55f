"""Putting one file on a server: under a new name, in whole rows, counted, hashed, its size looked at."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from destinations.csv_file import Block
from destinations.errors import DeliveryError
from destinations.sftp import faults
from destinations.sftp.connection import Connection
from destinations.sftp.faults import (
    BROKEN,
    NO_SUCH_FILE,
    PERMISSION_DENIED,
    FromCaller,
    RemoteStatus,
    tell,
)
from destinations.sftp.pipeline import RemoteFile, create
from destinations.sftp.wire import Client

PULSE_BYTES = 1 << 20
PULSE_SECONDS = 1.0
CLEANING_SECONDS = 10.0

Pulse = Callable[[int, int], None]
State = Literal["stored", "taken"]


@dataclass(frozen=True)
class Uploaded:
    """What was put there. `rows` do not count the header; `sha256` is hexadecimal, of what was sent.

    `stored`: the server shows a file of that very size. `taken`: it confirmed every byte and the close, but
    does not show the file, as a server does that takes files in at once; reading back decides.
    """

    name: str
    bytes: int
    rows: int
    sha256: str
    state: State
    seconds: float


class Upload:
    """One upload over one connection; `run` it once. `folder` ends with a slash, or is empty.

    After a run that raised, `left_nothing` tells that nothing of it can be taken in by anybody.
    """

    def __init__(
        self,
        connection: Connection,
        client: Client,
        *,
        folder: str,
        name: str,
        staging: bool,
        request_bytes: int,
        pulse: Pulse,
    ) -> None:
        self._address = connection.address
        self._watch = connection.watch
        self._stall_seconds = connection.timeouts.stall
        self._client = client
        self._name = name
        self._final = folder + name
        self._path = folder + staged_name(name) if staging else self._final
        self._request_bytes = request_bytes
        self._sha256 = hashlib.sha256()
        self._sent = 0
        self._progress = _Progress(pulse, self._watch.progress)
        self._asked_to_create = False
        self._asked_to_close = False
        self.left_nothing = True

    def run(self, blocks: Iterable[Block]) -> Uploaded:
        """Send the blocks and return what came of it; when it raises, it leaves as little as it can."""
        begun = time.monotonic()
        file = self._create()
        try:
            for block in blocks:
                self._send(file, block)
            self._writing(lambda: self._wait_for_answers(file))
            # The last word the caller has: once a file is closed, it is delivered.
            self._progress.tell()
            self._asked_to_close = True
            self._writing(file.finish)
            state = self._settle()
        except BaseException as error:
            self._clean_up(file, error)
            raise
        seconds = time.monotonic() - begun
        return Uploaded(self._name, self._sent, self._progress.rows, self._sha256.hexdigest(), state, seconds)

    def _create(self) -> RemoteFile:
        with self._talking():
            self._check_free()
            if self._path != self._final:
                self._remove_leftover()
            self._asked_to_create, self.left_nothing = True, False
            try:
                return create(self._client, self._path, self._progress.note)
            except RemoteStatus as error:
                self.left_nothing = True
                # The protocol has no word for "exists", so what the refusal meant is looked up.
                if error.status not in (NO_SUCH_FILE, PERMISSION_DENIED):
                    self._check_free()
                raise faults.of_folder(self._address, error, doing="write into the folder") from None

    def _check_free(self) -> None:
        """Raises Rejected(sftp_name_taken). Not every server honours an exclusive open."""
        try:
            self._client.stat(self._final)
        except RemoteStatus:
            return
        raise faults.name_taken(self._address)

    def _remove_leftover(self) -> None:
        try:
            self._client.remove(self._path)
        except RemoteStatus:
            # There is none, as nearly always; if there is, opening says so.
            return

    def _send(self, file: RemoteFile, block: Block) -> None:
        with self._talking():
            for data, rows in requests(block, most_bytes=self._request_bytes):
                self._watch.progress()
                try:
                    file.write(data, rows)
                except RemoteStatus as error:
                    raise faults.of_writing(self._address, error) from None
                self._sha256.update(data)
                self._sent += len(data)
                self._progress.tell_in_time()

    def _wait_for_answers(self, file: RemoteFile) -> None:
        # On a slow line most of the time passes here: up to 64 requests are under way.
        while file.wait_for_one():
            self._progress.tell_in_time()

    def _writing(self, act: Callable[[], None]) -> None:
        with self._talking():
            try:
                act()
            except RemoteStatus as error:
                raise faults.of_writing(self._address, error) from None

    def _settle(self) -> State:
        """Look at the size of what was closed, and give a staged file its name."""
        with self._talking():
            kept = self._size(self._path)
            if kept is not None and kept != self._sent:
                raise faults.no_space(self._address, kept=kept, wanted=self._sent)
            if self._path != self._final:
                self._rename()
                kept = self._size(self._final)
            return "taken" if kept is None else "stored"

    def _size(self, path: str) -> int | None:
        """Return a file's size; None when it is gone, or this login may write but not look."""
        try:
            size = self._client.stat(path).st_size
        except RemoteStatus:
            return None
        return None if size is None else int(size)

    def _rename(self) -> None:
        # This kind of rename puts itself over a file that is there, so it is made sure that none is.
        self._check_free()
        try:
            self._client.posix_rename(self._path, self._final)
        except RemoteStatus:
            raise faults.denied(self._address, "give an uploaded file its final name") from None

    def _clean_up(self, file: RemoteFile, error: BaseException) -> None:
        """Remove what was written and close it, unless the connection is gone.

        Whoever takes files in does so when they are closed, so the file goes first. A server that does not
        remove an open file, or first makes it when it is closed, removes it the second time.
        """
        if isinstance(error, DeliveryError) and error.code == "sftp_cut":
            return
        try:
            with self._watch.within(CLEANING_SECONDS):
                first, _, then = (
                    _status(undo) for undo in (self._remove_partial, file.abandon, self._remove_partial)
                )
        except BROKEN:
            return
        # Removed before it was closed, and not there again since: nobody can have taken it in.
        self.left_nothing = not self._asked_to_close and first is None and then == NO_SUCH_FILE

    def _remove_partial(self) -> None:
        self._client.remove(self._path)

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Give the server its time, and say what a broken connection means at this point."""
        with self._watch.within(self._stall_seconds):
            try:
                yield
            except FromCaller as error:
                raise error.cause from None
            except BROKEN as error:
                late = self._watch.late or isinstance(error, TimeoutError)
                what = faults.cut if self._asked_to_create else faults.dropped
                raise what(self._address, late=late) from None


def _status(act: Callable[[], None]) -> int | None:
    """Return with what status the server refused, None when it did as asked."""
    try:
        act()
    except RemoteStatus as error:
        # Gone already, closed already, or not allowed: the error that led here says more.
        return error.status
    return None


class _Progress:
    """Bytes and rows that the server confirmed, told to the caller about once a megabyte or second."""

    def __init__(self, pulse: Pulse, moved: Callable[[], None]) -> None:
        self._pulse = pulse
        self._moved = moved
        self._told_bytes = 0
        self._told_at = time.monotonic()
        self.bytes = 0
        self.rows = 0

    def note(self, size: int, rows: int) -> None:
        self.bytes += size
        self.rows += rows
        self._moved()

    def tell_in_time(self) -> None:
        """Raises FromCaller with what the pulse raised."""
        overdue = time.monotonic() - self._told_at >= PULSE_SECONDS
        if overdue or self.bytes - self._told_bytes >= PULSE_BYTES:
            tell(self.tell)

    def tell(self) -> None:
        self._told_bytes, self._told_at = self.bytes, time.monotonic()
        self._pulse(self.bytes, self.rows)


def staged_name(name: str) -> str:
    """Return a staged file's name while it is written; the dot keeps it from whoever takes files there."""
    return f".{name}.uploading"


def requests(block: Block, *, most_bytes: int) -> Iterator[tuple[memoryview, int]]:
    """Cut a block into pieces of whole rows, each with its number of rows, the header not counted.

    No cell holds a line feed (control characters are refused when the file is planned), so that one always
    ends a row. Raises Rejected(too_large) for a row that is longer than `most_bytes`.
    """
    data = bytes(block.data)
    if data and not data.endswith(b"\n"):
        raise ValueError("a block ends within a row")
    pieces, start = [], 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + most_bytes) + 1
        if end <= start:
            raise faults.row_too_long(most_bytes)
        pieces.append((start, end, data.count(b"\n", start, end)))
        start = end
    view, headers = memoryview(data), sum(lines for _, _, lines in pieces) - block.rows
    for start, end, lines in pieces:
        yield view[start:end], lines - headers
        headers = 0
