"""OpenSSH's own server for tests: on a free port, with its own keys and folder, ending with this process."""

import atexit
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.processes import die_with_parent, stop
from tests import debian, services

PLACES = ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/opt/homebrew/sbin/sshd")
FOLDERS = ("profiles", "events")
_POLICY = Path("/usr/sbin/policy-rc.d")


class NoServer(RuntimeError):
    """There is no sshd and we cannot install one; the message says how."""


@dataclass(frozen=True)
class OpenSSH:
    """A running server. `folder` is what a login sees, with `profiles` and `events` in it.

    `key` is the path of an Ed25519 key that may log in, `host_keys` the public lines by type.
    """

    host: str
    port: int
    user: str
    folder: Path
    key: Path
    host_keys: dict[str, str]
    log: Path = field(repr=False)
    authorised: Path = field(repr=False)

    @property
    def private_key(self) -> str:
        return self.key.read_text()

    def authorise(self, public_line: str) -> None:
        """Let another key log in too."""
        with self.authorised.open("a") as lines:
            lines.write(public_line.rstrip() + "\n")

    def connections(self) -> int:
        """How often somebody connected, whether or not they went on to log in."""
        return self._count(r"^Connection from ")

    def login_attempts(self) -> int:
        """How often somebody asked to log in, in any way."""
        return self._count(r"userauth-request for user ")

    def logins(self) -> int:
        return self._count(r"^Accepted publickey for ")

    def sessions(self) -> int:
        return self._count(r"^Starting session: subsystem 'sftp'")

    def reset(self) -> None:
        """Remove every file that a test left, and every key it authorised."""
        for name in FOLDERS:
            (self.folder / name).chmod(0o755)
            for path in (self.folder / name).iterdir():
                path.unlink()
        self.authorised.write_text(self.key.with_suffix(".pub").read_text())

    def _count(self, pattern: str) -> int:
        return len(re.findall(pattern, self.log.read_text(errors="replace"), re.MULTILINE))


def start() -> OpenSSH:
    """Start a server that ends with this process. Raises NoServer."""
    binary, root, port = sshd(), services._folder("rollcall-sshd-"), services._free_port()
    identity = services._identity(root)
    user = pwd.getpwuid(identity.get("user", os.geteuid())).pw_name
    server = _lay_out(root, port, user)
    for path in (root, *root.rglob("*")):
        if identity:
            os.chown(path, identity["user"], identity["group"])
    _config(binary, root, port, identity)
    # The client reads it as this user, and refuses one that belongs to somebody else.
    os.chown(server.key, os.geteuid(), os.getegid())
    _serve(binary, root, port, identity)
    return server


def sshd() -> str:
    """Return the path of sshd, installing Debian's when this is root in a container with apt-get.

    Raises NoServer otherwise: an upload that no other server took has not been tested.
    """
    found = _found()
    if not found and _may_install():
        with _no_service_starts():
            debian.install("openssh-server", for_what="the SFTP tests")
        found = _found()
    if not found:
        raise NoServer(
            "No sshd for the SFTP tests. Run once:  sudo apt-get install openssh-server  (or set SSHD)"
        )
    return found


def _found() -> str | None:
    if given := os.environ.get("SSHD"):
        if found := shutil.which(given):
            # It starts itself again for every connection, and insists on a whole path.
            return str(Path(found).absolute())
        raise NoServer(f"SSHD names {given}, which cannot be run.")
    return next((path for path in (shutil.which("sshd"), *PLACES) if path and os.access(path, os.X_OK)), None)


def _may_install() -> bool:
    # Where systemd runs, Debian's package would open this machine to the network.
    booted = Path("/run/systemd/system").exists()
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and not booted


@contextmanager
def _no_service_starts() -> Iterator[None]:
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _lay_out(root: Path, port: int, user: str) -> OpenSSH:
    for name in FOLDERS:
        (root / "files" / name).mkdir(parents=True)
    key = _make_key(root / "client", "ed25519")
    authorised = root / "authorised"
    authorised.write_text(key.with_suffix(".pub").read_text())
    lines = [
        _make_key(root / f"host_{kind}", kind).with_suffix(".pub").read_text()
        for kind in ("ed25519", "ecdsa", "rsa")
    ]
    return OpenSSH(
        host="127.0.0.1",
        port=port,
        user=user,
        folder=root / "files",
        key=key,
        host_keys={line.split()[0]: " ".join(line.split()[:2]) for line in lines},
        log=root / "log",
        authorised=authorised,
    )


def _make_key(path: Path, kind: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], check=True)
    return path


def _config(binary: str, root: Path, port: int, identity: dict[str, Any]) -> None:
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        *(f"HostKey {root}/host_{kind}" for kind in ("ed25519", "ecdsa", "rsa")),
        f"AuthorizedKeysFile {root}/authorised",
        f"Subsystem sftp internal-sftp -d {root}/files",
        "PidFile none",
        "StrictModes no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "MaxStartups 200",
        "LogLevel DEBUG1",
    ]
    path = root / "config"
    path.write_text("\n".join(lines) + "\n")
    # With PAM, an account without a password may still use its key. Newer servers lock out who fails often.
    for extra in ("UsePAM yes", "PerSourcePenalties no"):
        text = path.read_text()
        path.write_text(text + extra + "\n")
        if subprocess.run([binary, "-t", "-f", path], capture_output=True, cwd=root, **identity).returncode:
            path.write_text(text)


def _serve(binary: str, root: Path, port: int, identity: dict[str, Any]) -> None:
    with (root / "log").open("ab") as log:
        process = subprocess.Popen(
            [binary, "-D", "-e", "-f", str(root / "config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root,
            start_new_session=True,
            preexec_fn=die_with_parent(),
            **identity,
        )
    atexit.register(stop, process)
    end = time.monotonic() + services.START_SECONDS
    while not services._listens(port):
        if process.poll() is not None or time.monotonic() > end:
            raise NoServer(f"sshd did not start: {(root / 'log').read_text().strip()[-500:]}")
        time.sleep(0.02)
