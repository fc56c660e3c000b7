"""Prints the Nth `sh` block of the README: what a reader would copy is what CI runs."""

import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Print the block that the first argument counts to."""
    readme = Path(__file__).parent.parent / "README.md"
    blocks = BLOCK.findall(readme.read_text(encoding="utf-8"))
    sys.stdout.write(blocks[int(sys.argv[1]) - 1])


if __name__ == "__main__":
    main()
