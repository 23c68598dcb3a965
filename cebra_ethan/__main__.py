"""Lets `python -m cebra_ethan` do what `cebra-ethan` does."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
