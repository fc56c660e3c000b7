"""The package's door: what a user may import from it, and that it stays tidy."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import spaaza_source
from spaaza_source import errors

PACKAGE = Path(spaaza_source.__file__).parent


def test_the_door_is_sorted_and_holds_what_it_names() -> None:
    assert sorted(spaaza_source.__all__) == spaaza_source.__all__
    for name in spaaza_source.__all__:
        assert getattr(spaaza_source, name).__doc__


def test_every_error_has_one_root_and_stands_in_the_tree() -> None:
    raised = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    for kind in raised:
        assert issubclass(kind, errors.SpaazaSourceError)
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.__doc__


@pytest.mark.parametrize(
    ("below", "above"),
    [
        ("exports", ("spaaza", "voucherify", "sandbox")),
        ("tabular", ("spaaza", "voucherify", "sandbox", "exports")),
        ("spaaza", ("voucherify", "sandbox")),
        ("sandbox", ("spaaza", "voucherify", "exports", "tabular")),
    ],
)
def test_the_road_knows_no_vendor(below: str, above: tuple[str, ...]) -> None:
    for module in (PACKAGE / below).rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            imported = node.module if isinstance(node, ast.ImportFrom) else None
            for part in above:
                assert not (imported or "").startswith(f"spaaza_source.{part}"), module


def test_every_module_says_what_it_is_for() -> None:
    for module in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))), module
