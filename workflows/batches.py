"""Cutting the difference into batches, and reading a batch's rows back when its turn comes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from destinations import csv_file
from destinations.csv_file import Layout, Size
from workflows import rows
from workflows.files import Folder
from workflows.forecasts import SINGLES_A_STEP
from workflows.plan import Batch, by_count, by_parts, by_sizes
from workflows.run import Run

KNOWN = "adds_known.parquet"
NEW = "adds_new.parquet"
IN_FILE = "adds_in_file.parquet"
NOT_IN_FILE = "adds_not_in_file.parquet"
UPDATES = "updates.parquet"
REMOVES = "removes.parquet"


@dataclass(frozen=True)
class Sizes:
    """Rows of each import job that a file of the round would take, and its bytes in all."""

    rows: tuple[int, ...] = ()
    bytes: int = 0


@dataclass(frozen=True)
class InFile:
    """How new people would go by SFTP: the parts of the CSV, and imports for who cannot stand in it."""

    file: str
    parts: tuple[Size, ...]
    rest: Sizes

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class Cuts:
    """The changes of a round, cut for every way they may go. Counts are people; files lie in `folder`."""

    folder: str
    known: int
    new: int
    new_file: str
    imports: Sizes
    in_file: InFile | None
    updates: Sizes
    removes: int

    def batches(self, way: str) -> list[Batch]:
        """Return the batches in the order they go, with new people by `way`: single, import or sftp.

        Whatever the way, people whose profile id is known go by it, updates by import and removals by id.
        """
        name = self.folder
        found = by_count("add", f"{name}/{KNOWN}", self.known)
        if way == "single":
            found += by_count("upsert", f"{name}/{self.new_file}", self.new, size=SINGLES_A_STEP)
        elif way == "sftp" and self.in_file:
            found += by_sizes("import", f"{name}/{NOT_IN_FILE}", self.in_file.rest.rows)
            found += by_parts("upload", f"{name}/{self.in_file.file}", self.in_file.parts)
        else:
            found += by_sizes("import", f"{name}/{self.new_file}", self.imports.rows)
        found += by_sizes("update", f"{name}/{UPDATES}", self.updates.rows)
        return found + by_count("remove", f"{name}/{REMOVES}", self.removes)


def cut(run: Run, folder: Path, *, by_id: bool, layout: Layout | None) -> Cuts:
    """Cut the files of a round; `layout` is that of a CSV, None when nobody can go by SFTP.

    `by_id`: people whose profile id is remembered are added by it. A later round trusts no remembered id,
    for a wrong one may be why it is needed.
    """
    known, new_file = 0, "adds.parquet"
    new = rows.count(folder / new_file)
    if by_id:
        new_file = NEW
        known, new = rows.split(folder / "adds.parquet", is_known, yes=folder / KNOWN, no=folder / new_file)
    return Cuts(
        folder=folder.name,
        known=known,
        new=new,
        new_file=new_file,
        imports=_sizes(run, folder / new_file),
        in_file=_in_file(run, folder, new_file, layout) if layout and new else None,
        updates=_sizes(run, folder / UPDATES),
        removes=rows.count(folder / REMOVES),
    )


def is_known(batch: Any) -> Any:
    """Tell of each row whether its profile id is remembered."""
    return rows.has_value(batch, "profile_id")


def _in_file(run: Run, folder: Path, new_file: str, layout: Layout) -> InFile:
    path, rest = folder / new_file, Sizes()
    if unfit := csv_file.unfit(path, layout):
        fits: Callable[[Any], Any] = lambda batch: rows.not_among(batch, "key", unfit)  # noqa: E731
        rows.split(path, fits, yes=folder / IN_FILE, no=folder / NOT_IN_FILE)
        path, rest = folder / IN_FILE, _sizes(run, folder / NOT_IN_FILE)
    parts = csv_file.cut(path, layout, max_rows=run.files.part_rows, max_bytes=run.files.part_bytes)
    return InFile(path.name, tuple(parts), rest)


def _beating(run: Run, path: Path) -> Iterator[Any]:
    """The rows of a file, slice by slice, with the lease kept: millions take minutes."""
    for batch in rows.stream(path):
        run.pulse()
        yield batch


def _sizes(run: Run, path: Path) -> Sizes:
    """How the rows of a file go into imports, by Klaviyo's limits on count and bytes."""
    profiles = (run.profile(row) for batch in _beating(run, path) for row in batch.to_pylist())
    counted = [(len(batch.profiles), batch.bytes) for batch in run.plugin.imports.batches(profiles)]
    return Sizes(tuple(number for number, _ in counted), sum(size for _, size in counted))


def of_step(run: Run, given: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the rows of a batch with their place in it, less those already found to be refused."""
    found = rows.part(run.folder.file(given["file"]), given["offset"], given["limit"])
    skip = set(given.get("skip", ()))
    return [(place, row) for place, row in enumerate(found) if place not in skip]


def refuse(folder: Folder, name: str, refused: dict[str, tuple[str, str]]) -> None:
    """Keep the rows of a batch that Klaviyo refused: key to (our code, field)."""
    if refused:
        rows.write(
            folder.file("rejected", f"{name}.parquet"),
            {
                "key": list(refused),
                "code": [code for code, _ in refused.values()],
                "field": [field for _, field in refused.values()],
            },
        )


def forgive(folder: Folder, keys: set[str]) -> None:
    """Forget that people were refused, since they are sent again."""
    for path in sorted(folder.file("rejected").glob("*.parquet")):
        if keys & rows.values(path, "key"):
            rows.without(path, keys)


def again(run: Run, folder: Path, keys: set[str]) -> list[Batch]:
    """Cut those of a round's adds and updates who are among `keys` into imports of their own."""
    found: list[Batch] = []
    for kind, name in (("import", "adds.parquet"), ("update", UPDATES)):
        mine = folder / f"again_{name}"
        if rows.pick(folder / name, keys, into=mine):
            found += by_sizes(kind, f"{folder.name}/{mine.name}", _sizes(run, mine).rows)
    return found


def doubt(folder: Folder, name: str, keys: list[str]) -> None:
    """Keep the people of whose profiles nobody knows whether they were changed."""
    rows.write(folder.file("doubted", f"{name}.parquet"), {"key": keys})


def doubted(folder: Folder) -> set[str]:
    """Every key of which nobody knows."""
    return {key for path in folder.file("doubted").glob("*.parquet") for key in rows.values(path, "key")}


def rejected(folder: Folder) -> dict[str, str]:
    """Every key that was refused so far, with the code."""
    found: dict[str, str] = {}
    for path in sorted(folder.file("rejected").glob("*.parquet")):
        for batch in rows.stream(path, ("key", "code")):
            found |= dict(zip(batch.column("key").to_pylist(), batch.column("code").to_pylist(), strict=True))
    return found


def without_rejected(folder: Folder, round_folder: Path) -> None:
    """Take people Klaviyo refused before out of what a later round would send again."""
    keys = set(rejected(folder))
    rows.without(round_folder / "adds.parquet", keys)
    rows.without(round_folder / "updates.parquet", keys)
