"""What the operating system forbids this process before it sees a row: memory, time, files, network.

Limits hold on every Unix; the network namespace and Landlock hold where the kernel grants them, as a wall
behind the database's own. None of them can be taken back by the process, and it dies with its keeper.
"""

import ctypes
import os
import resource
import struct
import sys
from pathlib import Path
from typing import Any

LOCAL_KINDS = ("files", "duckdb", "sqlite")
OPEN_FILES = 128
# Thread stacks and allocator arenas take addresses, not memory.
SPARE_ADDRESS_MB = 768

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_SIGKILL = 9
_CLONE_NEWNET = 0x40000000

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1, 2, 4, 8, 1 << 14
_ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1}
_ALL_LATER = (1 << 15) - 1
_ONLY_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CODE_PATHS = ("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/ld.so.cache")
# DuckDB and Arrow count processors and memory here; of /proc only our own, whose environment is bare.
_MACHINE_PATHS = ("/sys", "/proc/self", "/proc/stat", "/proc/meminfo", "/proc/cpuinfo")


def confine(job: dict[str, Any]) -> None:
    """Set the limits that hold from the first import on; `job` names seconds, memory_mb and spill_mb."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, job["spill_mb"] << 20)
    _limit(resource.RLIMIT_CPU, int(job["seconds"]) * 4 + 10)
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    libc.prctl(_PR_SET_DUMPABLE, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != job["parent"]:
        # The parent died before it could be watched.
        os._exit(1)
    if job["kind"] in LOCAL_KINDS:
        libc.unshare(_CLONE_NEWNET)


def close(job: dict[str, Any]) -> None:
    """Close the last doors once every library is loaded: address space, and files beyond the job's own."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    allowed = pages * resource.getpagesize() + ((job["memory_mb"] + SPARE_ADDRESS_MB) << 20)
    _limit(resource.RLIMIT_AS, allowed)
    if job["kind"] in LOCAL_KINDS:
        _landlock(readable=job["paths"], writable=[job["folder"]])


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _landlock(*, readable: list[str], writable: list[str]) -> None:
    """Forbid every file but these, and TCP; do nothing where the kernel has no Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return
    everything = _ALL_BY_ABI.get(abi, _ALL_LATER)
    network = 3 if abi >= 4 else 0
    attributes = struct.pack("QQ", everything, network)[: 16 if abi >= 4 else 8]
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return
    code = [
        sys.prefix,
        sys.base_prefix,
        str(Path(__file__).resolve().parents[1]),
        *_CODE_PATHS,
        *_MACHINE_PATHS,
    ]
    for path in [*readable, *code]:
        _permit(libc, ruleset, path, _READ_FILE | _READ_DIR | _EXECUTE)
    for path in writable:
        _permit(libc, ruleset, path, everything)
    _permit(libc, ruleset, "/dev/null", _READ_FILE | _WRITE_FILE)
    _permit(libc, ruleset, "/dev/urandom", _READ_FILE)
    libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _permit(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # What is not there cannot be read; the reader says so in its own words.
        return
    if not Path(path).is_dir():
        access &= _ONLY_FILES
    libc.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", access, handle), 0)
    os.close(handle)
