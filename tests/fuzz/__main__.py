"""Coverage-guided fuzzing of the readers and of the HTTP answers: `python -m tests.fuzz`.

Only errors under `SpaazaSourceError` may escape. An input that makes another escape is left in the
folder, and tried first by the next run there.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import SEEDS, TARGETS

#: Bytes of an input: faults of longer ones are found by the property tests.
LONGEST = 2048
#: Seconds that one input may take, and megabytes that the process may hold.
SLOWEST, LARGEST = 20, 3000


def fuzz(name: str, seconds: int, folder: Path, seed: int = 1) -> tuple[bool, str]:
    """Fuzz one target; whether nothing escaped, and what libFuzzer says.

    Args:
        name: The target's.
        seconds: How long.
        folder: Keeps the inputs that reached something new, and those that failed.
        seed: Of what is drawn.
    """
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(SEEDS.get(name, ())):
        (corpus / f"seed-{number}").write_bytes(data)
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.worker",
            name,
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            f"-timeout={SLOWEST}",
            f"-rss_limit_mb={LARGEST}",
            f"-seed={seed}",
            f"-artifact_prefix={corpus}/failed-",
            str(corpus),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 120,
        check=False,
    )
    return ran.returncode == 0, ran.stdout + ran.stderr


def main() -> int:
    """Fuzz each target, and tell how many inputs it was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="all, unless named")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("fuzz"), help="of found inputs")
    chosen = parser.parse_args()
    failed = 0
    for name in chosen.targets or TARGETS:
        sound, said = fuzz(name, chosen.seconds, chosen.folder, chosen.seed)
        runs = re.search(r"Done (\d+) runs", said)
        sys.stdout.write(f"{name:8} {runs[1] if runs else '?':>9} inputs: ")
        sys.stdout.write("nothing escaped\n" if sound else f"FAILED\n{said[-4000:]}\n")
        failed += not sound
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
