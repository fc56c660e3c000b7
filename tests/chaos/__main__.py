"""Loads of more than fifty exports at once over a line that breaks: `python -m tests.chaos`.

Every run must end complete and exact, or with an error of ours that a rerun makes good; none may
hang, leave a file behind, or keep memory and open files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.loads import Run, chaotic, undisturbed

#: Runs after which a process holds what it will hold.
SETTLED = 10
#: Open files and megabytes that may come and go.
FILES, MEMORY = 10, 150


def main() -> int:
    """Run them all, and tell how they went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    chosen = parser.parse_args()
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="spaaza_chaos_") as name:
        expected = undisturbed(Path(name) / "undisturbed")
        for seed in range(chosen.seed, chosen.seed + chosen.runs):
            folder = Path(name) / str(seed)
            runs.append(chaotic(seed, folder, expected))
            shutil.rmtree(folder)
            _tell(runs[-1])
    wrong = sum(bool(run.wrong) for run in runs) + bool(leaks(runs))
    stopped = sum(bool(run.stops) for run in runs)
    struck: Counter[str] = sum((run.struck for run in runs), Counter())
    told = ", ".join(f"{times} {fault}s" for fault, times in struck.most_common())
    sys.stdout.write(
        f"{len(runs)} runs, {told}\n{len(runs) - stopped} complete at once, {stopped} stopped and"
        f" completed by a rerun; {wrong} wrong\n{leaks(runs) or 'nothing leaked'}\n"
    )
    return min(wrong, 1)


def leaks(runs: list[Run]) -> str:
    """What the process holds more of than after the first runs; empty for nothing."""
    if len(runs) <= SETTLED:
        return ""
    files, memory = (
        last - before for before, last in zip(runs[SETTLED].held, runs[-1].held, strict=True)
    )
    return f"{files} more open files, {memory} MB more" if files > FILES or memory > MEMORY else ""


def _tell(run: Run) -> None:
    how = "; ".join(run.wrong) or "; ".join(run.stops) or "complete"
    files, memory = run.held
    sys.stdout.write(f"{run.seed:4} {run.seconds:5.1f} s {files:4} files {memory:5} MB  {how}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
