"""`python3 run.py bench NAME [arguments]`: without a name, tells which there are."""

import importlib
import sys

BENCHMARKS = {
    "reconcile": "the difference of two large sets beside decoding them and beside Python sets",
    "files": "a million rows of CSV over SFTP beside DuckDB's COPY and OpenSSH's sftp put",
    "large": "300,000 people added and 4,000 removed by SFTP and by API, estimate beside actual time",
    "workflows": "the pages of workflows over 100,000 of them with 5,000,000 attempts: times and queries",
    "million": "a million rows against a list of a million at Klaviyo's true limits, beside their floor",
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        for name, told in BENCHMARKS.items():
            print(f"{name:12} {told}")
        sys.exit(0 if len(sys.argv) < 2 else 2)
    name = sys.argv.pop(1)
    importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
