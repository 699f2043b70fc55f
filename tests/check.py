"""What review runs, one after the other; every complaint is shown before the exit code tells."""

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
CHECKS = {
    "format": [BIN / "ruff", "format", "--check", "--quiet", "."],
    "lint": [BIN / "ruff", "check", "--quiet", "."],
    "types": [BIN / "mypy", "--no-error-summary"],
    "layers": [BIN / "lint-imports"],
    "templates": [BIN / "djlint", "templates", "--lint", "--quiet"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
    "django": [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
}


def main(chosen: list[str]) -> int:
    if unknown := sorted(set(chosen) - set(CHECKS)):
        print(
            f"There is no check named {', '.join(unknown)}; there are {', '.join(CHECKS)}.", file=sys.stderr
        )
        return 2
    failed = [name for name in CHECKS if (not chosen or name in chosen) and not passes(name)]
    print(f"==> {'FAILED: ' + ', '.join(failed) if failed else 'All checks passed'}", flush=True)
    return 1 if failed else 0


def passes(name: str) -> bool:
    print(f"==> {name}", flush=True)
    env = {**os.environ, "COLUMNS": "110"}
    return (
        subprocess.run([str(part) for part in CHECKS[name]], env=env, stdin=subprocess.DEVNULL).returncode
        == 0
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
