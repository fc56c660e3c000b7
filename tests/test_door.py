"""The doors and the floors: what may be imported from where, and that it stays tidy."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import spaaza_source
from spaaza_source import errors

PACKAGE = Path(spaaza_source.__file__).parent

#: From the ground up: a module imports from lower floors and from its own wing.
FLOORS = (
    ("errors", "chat", "sandbox", "signals"),
    ("transport", "tabular", "windows", "settings", "warehouse"),
    ("exports", "destination", "configuration"),
    ("audit", "retention", "telemetry", "tombstones"),
    ("writing",),
    ("drift",),
    ("expectations", "reading", "views"),
    ("loading",),
    ("backfill", "dlt_hooks"),
    ("spaaza", "voucherify"),
    ("ad_hoc", "airflow", "erasure", "model", "probe"),
    ("health",),
    ("cli",),
)
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
WINGS = sorted(name for name in FLOOR if (PACKAGE / name).is_dir())
#: Beside a wing's door, users import from these modules.
OPEN = ("spaaza.segments", "voucherify.filters", "voucherify.objects")
#: The sandbox is imported by the command alone.
ALONE = "sandbox"
#: The most that one mind holds of a folder: modules, beside its door, and lines.
MODULES, LINES = 15, 2_500


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Each module of the package as `wing.module`, parsed."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.Module) -> Iterator[str]:
    """What a module imports of the package, without the package's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spaaza_source"):
            module = (node.module or "").removeprefix("spaaza_source").removeprefix(".")
            if module:
                yield module
            else:
                yield from (alias.name for alias in node.names if alias.name in FLOOR)
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names)
            yield from (name[14:] for name in names if name.startswith("spaaza_source."))


def test_the_door_is_sorted_and_holds_what_it_names() -> None:
    assert sorted(spaaza_source.__all__) == spaaza_source.__all__
    for name in spaaza_source.__all__:
        assert getattr(spaaza_source, name).__doc__


@pytest.mark.parametrize("wing", WINGS)
def test_each_wing_has_a_door_that_is_sorted_and_names_what_others_use(wing: str) -> None:
    door = importlib.import_module(f"spaaza_source.{wing}")
    assert door.__doc__
    assert sorted(door.__all__) == sorted(set(door.__all__))
    for name in door.__all__:
        assert hasattr(door, name), name


def test_every_folder_and_loose_module_has_its_floor() -> None:
    names = {name.split(".")[0] for name, _ in modules()} - {"__init__"}
    assert names == set(FLOOR)


def test_modules_import_from_lower_floors_and_their_own_wing_alone() -> None:
    upwards = []
    for name, tree in modules():
        wing = name.split(".")[0]
        if wing not in FLOOR:
            continue
        for imported in imports_of(tree):
            other = imported.split(".")[0]
            is_below = FLOOR[other] < FLOOR[wing]
            if other != wing and (not is_below or (other == ALONE and wing != "cli")):
                upwards.append(f"{name} imports {imported}")
    assert upwards == []


def test_other_wings_are_entered_by_their_doors_alone() -> None:
    inner = []
    for name, tree in modules():
        wing = name.split(".")[0]
        for imported in imports_of(tree):
            other = imported.split(".")[0]
            if other != wing and other in WINGS and imported != other and imported not in OPEN:
                inner.append(f"{name} imports {imported}")
    assert inner == []


def test_no_module_of_a_wing_is_in_a_circle() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for name, tree in modules():
        graph[name] |= {imported for imported in imports_of(tree) if imported != name}

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path[path.index(name) :], name])
        if name not in done:
            for imported in graph[name]:
                visit(imported, (*path, name))
            done.add(name)

    done: set[str] = set()
    for name in list(graph):
        visit(name, ())


def test_no_folder_holds_more_than_one_mind_does() -> None:
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        files = list(folder.glob("*.py"))
        assert len([file for file in files if file.name != "__init__.py"]) <= MODULES, folder
        assert sum(len(file.read_text("utf-8").splitlines()) for file in files) <= LINES, folder
    assert len(list(PACKAGE.glob("*.py"))) <= 6
    assert len(list((PACKAGE.parent / "notebooks").glob("*.py"))) <= MODULES


def test_every_error_has_one_root_and_stands_in_the_tree() -> None:
    raised = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    for kind in raised:
        assert issubclass(kind, errors.SpaazaSourceError)
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.__doc__


def test_every_module_says_what_it_is_for() -> None:
    for name, tree in modules():
        assert ast.get_docstring(tree), name
