"""Fault 13: loads are killed by SIGKILL at drawn moments, run again, and judged.

    python -m tests.faults.kills [--moments N] [--seed N] [--only N] [--folder FOLDER]

First each scenario is loaded undisturbed: that tells when its phases begin and how long they take,
and what the tables must hold. Then the same load is begun again and again from nothing, killed
inside a phase, and run once more. After that the table, the vendor's list of exports and
`export_jobs` must be as if nothing had happened, and so after the next load, a day later.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.scenarios import SCENARIOS, Scenario, Stage, Undisturbed, undisturbed
from tests.faults.watched import PHASES

#: So often may a moment come too late before it is given up.
DRAWS = 25
#: Seconds after a commit in which dlt may not know of it yet.
SOON = 0.002


@dataclass(frozen=True)
class Moment:
    """When a load is killed: so many seconds after a phase has begun for the n-th time."""

    phase: str
    number: int
    delay: float

    def __str__(self) -> str:
        return f"{self.delay * 1000:.1f} ms after {self.phase} {self.number}"


@dataclass(frozen=True)
class Trial:
    """A load that was killed.

    Attributes:
        moment: When.
        late: How many moments were drawn before, at which the load had ended already.
        torn: How many moments were drawn before, at which DuckDB lost its own file.
        wrong: What was not right afterwards.
    """

    moment: Moment
    late: int
    torn: int
    wrong: Sequence[str]


def trial(
    scenario: Scenario, phase: str, expected: Undisturbed, draw: random.Random, folder: Path
) -> Trial:
    """Kill a load inside a phase, run it again, and judge; the folder is left for a look.

    Raises:
        RuntimeError: No moment came in time.
    """
    late = torn = 0
    while late + torn < DRAWS:
        shutil.rmtree(folder, ignore_errors=True)
        moment = drawn(phase, expected.lasts[phase], draw)
        with Stage.of(scenario, folder) as stage:
            if not killed(stage, moment):
                late += 1
            elif stage.is_torn():
                torn += 1
            else:
                try:
                    wrong = wrong_after(stage, expected)
                except RuntimeError as failure:
                    wrong = [str(failure)]
                return Trial(moment, late, torn, wrong)
    raise RuntimeError(f"{DRAWS} times {phase} was over before a drawn moment of it")


def drawn(phase: str, lasts: Sequence[float], draw: random.Random) -> Moment:
    """Any of the times that the phase begins, and any moment from there to what begins next."""
    number = draw.randrange(len(lasts))
    longest = SOON if phase == "commit" else lasts[number]
    return Moment(phase, number + 1, draw.random() * min(longest, lasts[number]))


def killed(stage: Stage, moment: Moment) -> bool:
    """Begin a load and kill it; whether it still lived."""
    load = stage.begin()
    begun = 0
    for each in load.phases():
        begun += each.phase == moment.phase
        if begun == moment.number:
            time.sleep(moment.delay)
            return load.kill()
    load.exit_code()
    return False


def wrong_after(stage: Stage, expected: Undisturbed) -> list[str]:
    """What is not right once a killed load has been run again, and once the next one has run."""
    after, after_next = expected.after
    # Where the package was loaded already, another run would be another load.
    if not stage.is_loaded():
        stage.load_on()
    wrong = stage.wrong(after)
    if wrong:
        return wrong
    stage.go_on(1)
    stage.load_on()
    return [f"after the next load: {each}" for each in stage.wrong(after_next)]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.kills",
        description="Kill loads by SIGKILL at drawn moments, run them again, and judge.",
    )
    parser.add_argument("--moments", type=int, default=60, help="how many kills (60)")
    parser.add_argument("--seed", type=int, default=7, help="of the moments drawn (7)")
    parser.add_argument("--only", type=int, help="of these moments just one, counted from 1")
    parser.add_argument("--scenario", choices=SCENARIOS, help="of the scenarios just one")
    parser.add_argument("--phase", choices=PHASES, help="of the phases just one")
    parser.add_argument(
        "--folder", type=Path, help="where the pipelines and warehouses of what is wrong are kept"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        names = [chosen.scenario] if chosen.scenario else list(SCENARIOS)
        phases = [chosen.phase] if chosen.phase else list(PHASES)
        return _all_trials(
            _order(names, phases, chosen.moments, chosen.seed), chosen.only, chosen.seed, folder
        )


def _order(
    names: Sequence[str], phases: Sequence[str], moments: int, seed: int
) -> list[tuple[str, str]]:
    """Scenario and phase of each moment: each phase as often as the others, in each scenario."""
    pairs: list[tuple[str, str]] = []
    draw = random.Random(seed)  # noqa: S311 - no secret
    rounds = {phase: list(names) for phase in phases}
    for scenarios in rounds.values():
        draw.shuffle(scenarios)
    for number in range(moments):
        turn, which = divmod(number, len(phases))
        phase = phases[which]
        pairs.append((rounds[phase][turn % len(names)], phase))
    return pairs


def _all_trials(pairs: Sequence[tuple[str, str]], only: int | None, seed: int, folder: Path) -> int:
    begun = time.monotonic()
    chosen = {
        number: pair for number, pair in enumerate(pairs, 1) if only is None or number == only
    }
    expected = {
        name: undisturbed(SCENARIOS[name], folder / f"undisturbed {name}")
        for name in sorted({name for name, _ in chosen.values()})
    }
    kills, right = Counter[str](), Counter[str]()
    late = torn = 0
    for number, (name, phase) in chosen.items():
        place = folder / f"{number}"
        draw = random.Random(f"{seed} {number}")  # noqa: S311 - no secret
        tried = trial(SCENARIOS[name], phase, expected[name], draw, place)
        late += tried.late
        torn += tried.torn
        kills[phase] += 1
        right[phase] += not tried.wrong
        for each in tried.wrong:
            _say(f"{number}: {name}, killed {tried.moment}: {each}")
        if not tried.wrong:
            shutil.rmtree(place)
    _say(f"{'phase':12}{'kills':>7}{'right':>7}")
    for phase in [phase for phase in PHASES if kills[phase]]:
        _say(f"{phase:12}{kills[phase]:7}{right[phase]:7}")
    _say(f"{'all':12}{kills.total():7}{right.total():7}")
    seconds = time.monotonic() - begun
    _say(f"seed {seed}; {late} ended before their moment and were started again; {seconds:.0f} s")
    if torn:
        _say(f"after {torn} more kills DuckDB could not open its own file, whoever had written it")
    return int(right != kills)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
