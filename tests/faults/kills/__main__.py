"""`python -m tests.faults.kills`."""

import sys

from tests.faults.kills.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
