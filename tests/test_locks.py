"""The locks hold what pyproject asks for, hashed, and name no place they came from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["embedded"]]
GROUPS = [*PROJECT["dependency-groups"]["test"], *PROJECT["dependency-groups"]["lint"]]


def pinned(name: str) -> dict[str, set[str]]:
    """Return every pinned version by package; one package may have several, for different machines."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)", (ROOT / name).read_text()):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


@pytest.mark.parametrize(
    ("lock", "asked"), [("requirements.lock", RUNTIME), ("requirements-test.lock", [*RUNTIME, *GROUPS])]
)
class TestLock:
    def test_satisfies_every_requirement(self, lock, asked):
        held = pinned(lock)

        missing = [
            line
            for line in asked
            if not any(
                Requirement(line).specifier.contains(version)
                for version in held.get(canonicalize_name(Requirement(line).name), ())
            )
        ]

        assert missing == []

    def test_gives_a_hash_for_every_package(self, lock, asked):
        entries = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / lock).read_text())

        assert [
            entry.splitlines()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry
        ] == []

    def test_names_no_place_it_came_from(self, lock, asked):
        text = (ROOT / lock).read_text()

        assert not re.search(r"https?://|file:|--index|--find-links|--trusted|@ ", text)


def test_the_test_lock_holds_the_runtime_lock():
    runtime, tests = pinned("requirements.lock"), pinned("requirements-test.lock")

    assert {name: tests.get(name) for name in runtime} == runtime
