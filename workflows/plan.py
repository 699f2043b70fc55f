"""The plan: what a round will do, in numbers, with a hash that an approval is bound to."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

BY_ID_SIZE = 1_000
PAGE_SIZE = 100


class Sized(Protocol):
    """A part of a CSV: its rows, and its bytes."""

    @property
    def rows(self) -> int: ...

    @property
    def bytes(self) -> int: ...


@dataclass(frozen=True)
class Batch:
    """One step to come: rows `offset` to `offset + limit` of a file of the round, in key order.

    An upload is part `part` of `parts` of the CSV, of `bytes` bytes.
    """

    kind: str  # add | upsert | import | upload | update | remove
    file: str
    offset: int
    limit: int
    bytes: int = 0
    part: int = 0
    parts: int = 0

    def as_input(self) -> dict[str, object]:
        told: dict[str, object] = {"file": self.file, "offset": self.offset, "limit": self.limit}
        if self.part:
            told |= {"bytes": self.bytes, "part": self.part, "parts": self.parts}
        return told


@dataclass(frozen=True)
class Plan:
    """Counts are people; `digests` are the SHA-256 of the files that name them."""

    list_id: str
    adds: int
    removes: int
    updates: int
    unchanged: int
    kept_out: int
    skipped: int
    surplus_left: int
    rows: int
    candidates: int
    not_loaded: Mapping[str, int]
    members: int
    path: str
    digests: Mapping[str, str]
    batches: tuple[Batch, ...] = field(default=())

    @property
    def changes(self) -> int:
        return self.adds + self.removes + self.updates

    @property
    def hash(self) -> str:
        """The same for the same people, counts and list, and for nothing else."""
        told = json.dumps({**asdict(self), "batches": []}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()

    def record(self, *, small_list: int, round_: int) -> dict[str, Any]:
        """What a workflow keeps of it, as JSON: numbers, hash, calls and batches."""
        people = ("adds", "removes", "updates", "unchanged", "kept_out", "skipped", "surplus_left")
        more = ("rows", "candidates", "members", "path", "hash")
        return {
            **{name: getattr(self, name) for name in (*people, *more)},
            "not_loaded": dict(self.not_loaded),
            "calls": self.calls(small_list=small_list),
            "batches": [{"kind": batch.kind, **batch.as_input()} for batch in self.batches],
            "round": round_,
        }

    def calls(self, *, small_list: int) -> dict[str, int]:
        """Requests of each endpoint that delivering and reading back will take."""
        kinds = [batch.kind for batch in self.batches]
        return {
            "profiles.upsert": sum(batch.limit for batch in self.batches if batch.kind == "upsert"),
            "imports.create": kinds.count("import") + kinds.count("update"),
            "sftp.upload": kinds.count("upload"),
            "lists.add": kinds.count("add") + kinds.count("upsert"),
            "lists.remove": kinds.count("remove"),
            "lists.members": self.read_back_pages(small_list=small_list),
        }

    def read_back_pages(self, *, small_list: int) -> int:
        """Pages of members that reading the list back takes, once this plan is delivered.

        A list of at most `small_list` members is read back whole, a larger one by what changed.
        """
        if not self.batches:
            return 0
        if self.members <= small_list:
            return math.ceil((self.members + self.adds - self.removes) / PAGE_SIZE)
        return math.ceil(self.adds / PAGE_SIZE) + math.ceil(self.removes / PAGE_SIZE)


def by_count(kind: str, file: str, rows: int, *, size: int = BY_ID_SIZE) -> list[Batch]:
    """Cut `rows` rows of `file` into batches of at most `size`."""
    return [Batch(kind, file, start, min(size, rows - start)) for start in range(0, rows, size)]


def by_sizes(kind: str, file: str, sizes: Sequence[int]) -> list[Batch]:
    """Lay batches of the given row counts end to end over `file`."""
    batches = []
    start = 0
    for size in sizes:
        batches.append(Batch(kind, file, start, size))
        start += size
    return batches


def by_parts(kind: str, file: str, sizes: Sequence[Sized]) -> list[Batch]:
    """Lay the parts of a CSV end to end over `file`, each with its number."""
    whole = by_sizes(kind, file, [size.rows for size in sizes])
    return [
        replace(batch, bytes=size.bytes, part=number, parts=len(sizes))
        for number, (batch, size) in enumerate(zip(whole, sizes, strict=True), start=1)
    ]


def halves(batch: Mapping[str, int]) -> list[dict[str, int]]:
    """Split a refused batch (its `offset` and `limit`) in two, to find the row that spoils it.

    Raises ValueError for a batch of one row: that row is the one.
    """
    offset, limit = batch["offset"], batch["limit"]
    if limit < 2:
        raise ValueError("a batch of one row cannot be split")
    first = limit // 2
    return [{"offset": offset, "limit": first}, {"offset": offset + first, "limit": limit - first}]
