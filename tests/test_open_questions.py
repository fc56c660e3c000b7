"""docs/open_questions.md cannot drift: each answer has what happens, and a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "open_questions.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
    for line in re.findall(r"^\| (\d.*) \|$", TEXT, re.MULTILINE)
]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def defined_in(file: str) -> dict[str, bool]:
    """The tests of a file, and whether all that they repeat is left to the longest runs."""
    path = ROOT / file
    assert path.is_file(), file
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {
        function.name: any(
            ast.unparse(mark) in ("pytest.mark.thorough", "LONG")
            for mark in function.decorator_list
        )
        for function in functions
    }


def parts(cell: str) -> dict[str, str]:
    """What stands behind each letter of a cell."""
    found = [re.fullmatch(r"([a-z]): (\S.*)", part) for part in cell.split("<br>")]
    assert all(found), cell
    return {part[1]: part[2] for part in found if part}


def test_there_are_27_in_their_order() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, 28)]
    assert all(len(row) == 5 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_answer_has_what_happens_and_tests_that_are_there(row: list[str]) -> None:
    _, question, *cells = row
    answers, happens, tests = map(parts, cells)
    assert question.endswith("?")
    assert list(answers) == list("abcdefgh"[: len(answers)])
    assert len(answers) > 1
    assert list(answers) == list(happens) == list(tests)
    for named in tests.values():
        found = TEST.findall(named)
        assert ", ".join(f"`{file}::{name}`" for file, name in found) == named
        for file, name in found:
            assert name in defined_in(file), f"{file}::{name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_question_has_a_test_that_is_always_run(row: list[str]) -> None:
    assert not all(defined_in(file)[name] for file, name in TEST.findall(row[4]))
