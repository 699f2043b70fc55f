"""Where the files of a workflow and the ledgers of the lists lie; rows pass between steps here."""

import hashlib
import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings

READ_BYTES = 1 << 20


class Folder:
    """The files of one workflow: `candidates.parquet`, then one folder a round and one a verification."""

    def __init__(self, workflow_id: UUID | str) -> None:
        self.path = Path(settings.DATA_DIR) / "workflows" / str(workflow_id)

    def make(self, *parts: str) -> Path:
        """Return the folder `parts`, made for its owner alone."""
        folder = self.path.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def file(self, *parts: str) -> Path:
        return self.path.joinpath(*parts)

    def remove(self) -> None:
        """Delete everything; a workflow that is over keeps no addresses."""
        shutil.rmtree(self.path, ignore_errors=True)


def ledger_path(audience_list_id: UUID | str, version: int) -> Path:
    folder = Path(settings.DATA_DIR) / "ledgers" / str(audience_list_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"{version:08d}.parquet"


def drop_ledgers_before(audience_list_id: UUID | str, version: int) -> None:
    """Delete the ledgers no run will read again; the one before `version` stays, for a look back."""
    for path in ledger_path(audience_list_id, version).parent.glob("*.parquet"):
        if path.stem.isdigit() and int(path.stem) < version - 1:
            path.unlink(missing_ok=True)


def sealed_path(workflow_id: UUID | str, name: str) -> Path:
    """Where encrypted rows of a closed workflow wait for their expiry."""
    folder = Path(settings.DATA_DIR) / "sealed" / str(workflow_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / name


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            sha.update(block)
    return sha.hexdigest()
