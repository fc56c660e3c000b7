"""README.md of this folder: each line has its tests, not thorough ones alone; each test a line."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
FILES = sorted(path for path in FOLDER.glob("test_*.py") if path != Path(__file__))
WINGS = FOLDER.parents[1] / "spaaza_source"
LINES = (*range(1, 55), *range(60, 67))

ROW = re.compile(r"\| (?P<line>\d+) \| (?P<fault>[^|]+) \| (?P<tests>[^|]*) \|")
FILE = re.compile(r"\[(?P<name>\w+)\]\((?P<path>[\w./]+\.py)\): (?P<tests>`\w+`(?:, `\w+`)*)")


@cache
def named() -> dict[int, list[tuple[Path, str]]]:
    """The tests of each line, as the tables name them."""
    found: dict[int, list[tuple[Path, str]]] = {}
    for text in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines():
        if not text.startswith("| ") or text.startswith("| line "):
            continue
        row = ROW.fullmatch(text)
        assert row, text[:80]
        assert int(row["line"]) not in found, text[:80]
        tests = found[int(row["line"])] = []
        for part in row["tests"].split("<br>"):
            file = FILE.fullmatch(part)
            assert file, part[:80]
            path = (FOLDER / file["path"]).resolve()
            assert path.stem == file["name"]
            tests += [(path, name) for name in re.findall(r"\w+", file["tests"])]
    return found


@cache
def thorough_in(path: Path) -> frozenset[str]:
    """Those of them that the README's test command leaves out, whatever their parameters."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^pytestmark\b.*mark\.thorough", text, re.MULTILINE), path
    functions = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.FunctionDef)]
    marked = {"pytest.mark.thorough"}
    return frozenset(
        function.name
        for function in functions
        if marked & set(map(ast.unparse, function.decorator_list))
    )


@cache
def defined_in(path: Path) -> frozenset[str]:
    """The tests that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    return frozenset(name for name in names if name.startswith("test_"))


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_tests_and_they_are_there(line: int) -> None:
    tests = named()[line]
    assert tests
    assert len(tests) == len(set(tests))
    for path, name in tests:
        assert name in defined_in(path)


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_covered_by_the_readmes_test_command(line: int) -> None:
    assert any(name not in thorough_in(path) for path, name in named()[line])


def test_there_are_no_other_lines() -> None:
    assert list(named()) == list(LINES)


def test_every_test_here_is_of_a_line() -> None:
    here = {(path, name) for path in FILES for name in defined_in(path)}
    assert len(here) > 100
    assert here - {test for tests in named().values() for test in tests} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_names_the_wings_it_is_about(path: Path) -> None:
    """So that `.ci/test WING` runs it."""
    (marked,) = re.findall(r"pytest\.mark\.wing\(([^)]*)\)", path.read_text(encoding="utf-8"))
    for wing in ast.literal_eval(f"({marked},)"):
        assert (WINGS / wing).is_dir()
