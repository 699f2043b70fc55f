"""Secrets and files that a configuration points to instead of holding them."""

import os
from collections.abc import Mapping
from pathlib import Path

# A private key of SSH may be this long; every other secret is far shorter, as its kind says.
MAX_SECRET_BYTES = 65_536
MAX_SQL_BYTES = 1_000_000


class Unresolved(Exception):
    """A pointer leads nowhere; the message says what is missing and holds no secret."""


def secret(pointer: str, *, folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Return the secret that `env:NAME` or `file:PATH` points to.

    A file's last line break is left out, since editors put one there. Anything else is taken for a
    secret written out, which is refused without being repeated.
    """
    kind, _, where = pointer.partition(":")
    if kind == "env" and where:
        if not environment.get(where):
            raise Unresolved(f"the environment variable {where} is not set.")
        return environment[where]
    if kind == "file" and where:
        return _text(folder, where, most=MAX_SECRET_BYTES).removesuffix("\n").removesuffix("\r")
    raise Unresolved("a secret is never written into the file; point to it as env:NAME or file:PATH.")


def sql(where: str, *, folder: Path) -> str:
    """Return the text of the SQL file at `where`. Raises Unresolved."""
    return _text(folder, where, most=MAX_SQL_BYTES)


def resolved(where: str, *, folder: Path) -> str:
    """Return `where` as an absolute path; a relative one starts at `folder`."""
    return str((folder / Path(where).expanduser()).resolve())


def _text(folder: Path, where: str, *, most: int) -> str:
    path = Path(resolved(where, folder=folder))
    try:
        if path.stat().st_size > most:
            raise Unresolved(f"the file {where} is larger than {most:,} bytes.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unresolved(f"the file {where}: {(error.strerror or 'cannot be read').lower()}.") from error
    except UnicodeDecodeError as error:
        raise Unresolved(f"the file {where} is not UTF-8 text.") from error
