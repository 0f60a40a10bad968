"""`cycloid` and `python -m cycloid`: the command line."""

import os
import sys

from cycloid.commands import environment, program
from cycloid.errors import CycloidError


def main():
    try:
        path = program()
    except CycloidError as e:
        sys.exit(f"cycloid: error: {e}")
    os.execve(path, ["cycloid", *sys.argv[1:]], environment())


if __name__ == "__main__":
    main()
