"""`python -m pinnlearn` is the command `pinnlearn`."""

import sys

from pinnlearn.cli import main

if __name__ == "__main__":
    sys.exit(main())
