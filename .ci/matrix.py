"""Runs the tests in several environments: `python3 .ci/matrix.py`, or `… 3.14 oldest newest`.

Each environment of the table below is a Python with what is pinned, but for the releases that the
table names. It is made in a folder of its own, from the last commit, and removed afterwards. With
what is pinned the quick tests are run, with the oldest and the newest releases all but the
thorough ones: loads, commands and notebooks too. What stands behind `--` goes to pytest. A Python
that is not on this machine is told; where its line was asked for by name, that is a failure. The
exit code is 1 where something failed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINS = ".ci/constraints-dev.txt"


@dataclass(frozen=True)
class Environment:
    """One line of the table: a Python, and packages in other releases than the pinned ones."""

    #: What it is asked for by.
    name: str
    python: str
    #: Requirements by package, as `{"duckdb": "==1.4.*"}`.
    releases: dict[str, str] = field(default_factory=dict)
    #: The tests that are run where pytest's arguments do not say it, by their markers.
    tests: str = "not slow and not thorough"

    def __str__(self) -> str:
        return f"{self.name} ({', '.join([f'Python {self.python}', *self.requirements()])})"

    def requirements(self) -> list[str]:
        """What is installed in the place of what is pinned."""
        return [name + release for name, release in self.releases.items()]


#: The oldest releases that pyproject.toml allows. DuckDB's extensions come in its own version.
OLDEST = {
    "duckdb": "==1.5.0",
    "duckdb-extensions": "==1.5.0",
    "duckdb-extension-ducklake": "==1.5.0",
    "duckdb-extension-postgres-scanner": "==1.5.0",
    "numpy": "==1.26.0",
    "pandas": "==2.2.0",
    "pyarrow": "==18.0.0",
    "sqlglot": "==26.32.0",
}
#: Newer ones than those that are pinned.
NEWEST = {"duckdb": "==2.0.1", "sqlglot": "==30.31.0"}
#: Every Python that pyproject.toml names, and both ends of what loads build on;
#: tests/test_package.py compares.
TABLE = [
    *(Environment(python, python) for python in ("3.11", "3.12", "3.13", "3.14")),
    Environment("oldest", "3.11", OLDEST, tests="not thorough"),
    Environment("newest", "3.13", NEWEST, tests="not thorough"),
]


def main() -> int:
    """Run the tests in the environments that were asked for, or all, and tell how each went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these lines of the table")
    parser.add_argument("--list", action="store_true", help="show the table, and what is here")
    own, tests = _split(sys.argv[1:])
    asked = parser.parse_args(own)
    unknown = set(asked.names) - {each.name for each in TABLE}
    if unknown:
        parser.error(f"the table has no line {', '.join(sorted(unknown))}")
    told, failed = [], False
    for each in TABLE:
        if asked.names and each.name not in asked.names:
            continue
        python = find_python(each.python)
        if python is None:
            failed |= bool(asked.names)
            told.append(f"{each}: not on this machine")
        elif asked.list:
            told.append(f"{each}: {python}")
        else:
            begun = time.monotonic()
            passed = run_tests(each, python, tests)
            failed |= not passed
            took = time.monotonic() - begun
            told.append(f"{each}: {'passed' if passed else 'FAILED'} ({took:.0f} s)")
    sys.stdout.write("\n".join(told) + "\n")
    return int(failed)


def find_python(version: str) -> str | None:
    """The interpreter of a version, on the path or among pyenv's; None if there is none."""
    for candidate in _candidates(version):
        shown = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
        try:
            # One of pyenv's shims may stand for a version that is not there.
            ran = subprocess.run(  # noqa: S603 - an interpreter of this machine
                [candidate, "-c", shown], capture_output=True, text=True, check=False
            )
        except OSError:
            continue
        found, _, executable = ran.stdout.strip().partition(" ")
        if found == version:
            return executable
    return None


def run_tests(environment: Environment, python: str, tests: list[str]) -> bool:
    """Whether its tests, or those given, pass in an environment that is made for them.

    Args:
        environment: What to install.
        python: Its interpreter.
        tests: Arguments of pytest.
    """
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        copy, home = Path(folder, "copy"), Path(folder, "home")
        home.mkdir()
        env = {**os.environ, "HOME": str(home)}
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"):
            env.pop(name, None)
        own = str(copy / ".venv" / "bin" / "python")
        pip = [own, "-m", "pip", "install", "--quiet"]
        commands = [
            ["git", "clone", "--quiet", str(ROOT), str(copy)],
            [python, "-m", "venv", str(copy / ".venv")],
            [*pip, "--no-compile", "--require-hashes", "-r", str(copy / PINS)],
            [*pip, "--no-deps", "-e", str(copy)],
        ]
        if environment.releases:
            # Without what they depend on: all else stays as pinned.
            commands.append([*pip, "--no-deps", *environment.requirements()])
        marked = [] if "-m" in tests else ["-m", environment.tests]
        commands.append([own, "-m", "pytest", "-q", *marked, *tests])
        for command in commands:
            sys.stdout.write(f"+ [{environment}] {' '.join(command)}\n")
            sys.stdout.flush()
            where = copy if copy.exists() else ROOT
            if subprocess.run(command, cwd=where, env=env, check=False).returncode:  # noqa: S603
                return False
    return True


def _candidates(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


if __name__ == "__main__":
    sys.exit(main())
