"""The keys of an embedded installation: made once, kept in a file only its owner can read."""

import base64
import json
import os
import secrets
from pathlib import Path


def embedded_keys(path: Path) -> dict[str, str]:
    """Return SECRET_KEY, CREDENTIALS_KEY and LOOKUP_KEY, making the file on first use.

    Raises PermissionError when others on this machine can read the file.
    """
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path.name} must be readable by its owner alone (chmod 600).")
    return json.loads(path.read_text())


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "CREDENTIALS_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "LOOKUP_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    made = path.with_name(f"{path.name}.{os.getpid()}")
    made.touch(mode=0o600)
    made.write_text(json.dumps(keys))
    try:
        # A link fails when the file exists: two processes starting at once agree on one set of keys.
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()
