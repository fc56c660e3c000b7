"""Whether this version may be published: what its package page says is true, and whole.

Prints each thing that stands in the way, and exits with 1 where there is one.
"""

import re
import sys
import tomllib
from pathlib import Path

ADDRESSES = ("repository", "files")


def faults_of(pyproject: str, changelog: str) -> list[str]:
    """What stands in the way of a release.

    Args:
        pyproject: The text of pyproject.toml.
        changelog: The text of CHANGELOG.md.
    """
    settings = tomllib.loads(pyproject)
    version = settings["project"]["version"]
    hook = settings["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    faults = [
        f"pyproject.toml, tool.hatch.metadata.hooks.custom: set `{name}` to an https address"
        for name in ADDRESSES
        if not hook[name].startswith("https://")
    ]
    files = hook["files"]
    if files and not re.search(rf"/v?{re.escape(version)}/?$", files):
        # The pages of a branch change under a version that does not.
        faults.append(f"pyproject.toml: let `files` end with the tag of version {version}: {files}")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE):
        faults.append(f"CHANGELOG.md: give version {version} its date: `## {version} (YYYY-MM-DD)`")
    return faults


def main() -> int:
    """Check this copy, and tell."""
    top = Path(__file__).parent.parent
    faults = faults_of(
        (top / "pyproject.toml").read_text(encoding="utf-8"),
        (top / "CHANGELOG.md").read_text(encoding="utf-8"),
    )
    sys.stdout.writelines(f"no release: {fault}\n" for fault in faults)
    return min(len(faults), 1)


if __name__ == "__main__":
    sys.exit(main())
