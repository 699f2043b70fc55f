"""Where an account's files are on disk: a root nobody gets out of, and copies to take rows from."""

import os
import posixpath
import shutil
from pathlib import Path

FOLDERS = ("profiles", "events")


class Denied(Exception):
    """The path is not one that this user may touch in that way."""


class Folders:
    """One account's part of the disk. Paths of clients are like `/profiles/a.csv`, always from the root.

    What is uploaded lies under its number in `spool` and is linked to from its path, so that it stays as it
    was once it is closed, whatever becomes of the name.
    """

    def __init__(self, home: Path, *, plain: bool) -> None:
        self._plain = plain
        self._root = (home / ("plain" if plain else "files")).absolute()
        self._spool = home / "spool"
        for folder in (self._spool, *(self._root / name for name in (() if plain else FOLDERS)), self._root):
            folder.mkdir(parents=True, exist_ok=True)

    def on_disk(self, path: str) -> Path:
        """Return where a path leads. Raises Denied when that would be outside, or over a link."""
        if "\0" in path:
            raise Denied
        place = self._root
        for name in clean(path).split("/"):
            place = place / name if name else place
            if place.is_symlink():
                raise Denied
        return place

    def writable(self, path: str) -> Path:
        """Return where a path that is to be written leads: in Klaviyo, a file right in one of two folders."""
        parts = clean(path).split("/")[1:]
        if not parts[0] or not (self._plain or (len(parts) == 2 and parts[0] in FOLDERS)):
            raise Denied
        return self.on_disk(path)

    def create(self, path: str, upload_n: int, flags: int) -> int:
        """Open a file for writing, under its number and under its path; return the descriptor.

        What is there already is not written over, but replaced by a copy, or by an empty file.
        Raises FileExistsError for a file that should not be there, FileNotFoundError for one that should.
        """
        place, kept = self.writable(path), self.kept(upload_n)
        if place.is_dir():
            raise IsADirectoryError
        there = place.exists()
        if there and flags & os.O_EXCL:
            raise FileExistsError
        if not there and not flags & os.O_CREAT:
            raise FileNotFoundError
        if not place.parent.is_dir():
            raise FileNotFoundError
        if there and not flags & os.O_TRUNC:
            shutil.copyfile(place, kept)
        descriptor = os.open(kept, os.O_RDWR | os.O_CREAT, 0o600)
        if there:
            place.unlink()
        os.link(kept, place)
        return descriptor

    def kept(self, upload_n: int) -> Path:
        return self._spool / str(upload_n)

    def take_away(self, path: str, upload_n: int) -> None:
        """Let a file vanish from its folder, if it is still the one that was uploaded under that number."""
        place = self.on_disk(path)
        try:
            if place.samefile(self.kept(upload_n)):
                place.unlink()
        except FileNotFoundError:
            return


def is_removed(about: os.stat_result) -> bool:
    """Return whether an upload has no path any more: nothing but its number leads to it."""
    return about.st_nlink < 2


def clean(path: str) -> str:
    """Return a path from the root without `.` and `..`, which lead no higher than the root."""
    return posixpath.normpath("/" + path.lstrip("/"))
