"""Drives one target by the coverage that its inputs reach; `python -m tests.fuzz` runs it.

Its arguments are the target's name, and libFuzzer's own.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["spaaza_source"]):
    from tests.fuzz.targets import TARGETS, breaks


def main() -> None:
    """Fuzz until libFuzzer's own limit; a failure leaves its input in a file, and exit code 77."""
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS.get(name, breaks))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
