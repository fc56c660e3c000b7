"""Asks a public database for known faults of the pinned requirements, where it can be reached.

Exits with 1 where a pinned package has one. Where the database cannot be asked, it says so: that is
no fault of the pins.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = ("constraints.txt", "constraints-dev.txt")
#: Seconds for one answer of the database, and for all of them.
TIMEOUT, LONGEST = 15, 300


def faults_of(pins: Path) -> list[str] | None:
    """The known faults of what a file pins; None where nobody could be asked.

    Args:
        pins: Requirements with hashes.
    """
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    command += ["--vulnerability-service", "osv", "--timeout", str(TIMEOUT)]
    command += ["--require-hashes", "--disable-pip", "--requirement", str(pins)]
    try:
        ran = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            command, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        answer: dict[str, Any] = json.loads(ran.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return [
        f"{package['name']} {package['version']}: {fault['id']}"
        f" (mended in {', '.join(fault['fix_versions']) or 'no release yet'})"
        for package in answer["dependencies"]
        for fault in package.get("vulns", [])
    ]


def main() -> int:
    """Audit both files of pins, and tell."""
    found = 0
    for name in PINS:
        faults = faults_of(Path(__file__).parent / name)
        if faults is None:
            sys.stdout.write(
                f"audit of {name}: the database of faults cannot be reached from here\n"
            )
            continue
        found += len(faults)
        sys.stdout.write(f"audit of {name}: {len(faults) or 'no'} known faults\n")
        sys.stdout.writelines(f"  {fault}\n" for fault in faults)
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
