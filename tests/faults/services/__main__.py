"""`python -m tests.faults.services`."""

import sys

from tests.faults.services.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
