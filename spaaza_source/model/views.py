"""The views of a model: their SQL, from whatever columns the loaded tables have; how it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spaaza_source.errors import SettingsError
from spaaza_source.model.choices import SECTION, Choice, read_choices
from spaaza_source.model.dataset import Dataset
from spaaza_source.model.origins import Origin, Recipe, Role
from spaaza_source.model.reading import nothing, read_as
from spaaza_source.model.settled import TYPES, VIEWS
from spaaza_source.model.spaaza_origins import RECIPES as SPAAZA
from spaaza_source.model.voucherify_origins import RECIPES as VOUCHERIFY
from spaaza_source.views import function_sql, literal, quote

RECIPES: dict[str, dict[str, Recipe]] = {"spaaza": SPAAZA, "voucherify": VOUCHERIFY}


@dataclass(frozen=True)
class View:
    """A view.

    Attributes:
        name: Its name.
        sql: Its query; None where it cannot be made.
        table: The loaded table that it is made of; None where it is made of other views.
        without_source: The columns of it that no loaded column is for: they are NULL.
        missing: Why it cannot be made: the tables and views that are not there.
    """

    name: str
    sql: str | None
    table: str | None = None
    without_source: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def plan_views(dataset: Dataset, vendor: str) -> list[View]:
    """The views of a vendor's dataset.

    Raises:
        SettingsError: The configuration names a column that is not there.
    """
    recipes = RECIPES[vendor]
    choices = read_choices(vendor, recipes)
    views: dict[str, View] = {}
    for name in VIEWS:
        made = {view.name for view in views.values() if view.sql}
        views[name] = _plan(dataset, name, recipes[name], choices.get(name, {}), made)
    return list(views.values())


def _plan(
    dataset: Dataset, name: str, recipe: Recipe, choices: Mapping[str, Choice], made: set[str]
) -> View:
    tables = {table.lower(): table for table in dataset.tables}
    origin = next((each for each in recipe.origins if each.table in tables), None)
    missing = [need for need in recipe.needs if need not in made]
    if recipe.origins and origin is None:
        missing.insert(0, recipe.origins[0].table)
    if missing:
        return View(name, None, missing=tuple(missing))
    cells: dict[str, str] = {}
    query, table = "", None
    if origin is not None:
        table = tables[origin.table]
        cells = _read_roles(dataset.tables[table], origin, choices)
        query = _select_roles(dataset, table, origin, cells)
    columns = VIEWS[name]
    if recipe.sql is not None:
        views = {view: dataset.modelled(view) for view in VIEWS}
        query = recipe.sql.strip().format(loaded=query, **views)
        settled = {column: column for column in columns}
    else:
        settled = {
            column: recipe.cells.get(column, column if column in cells else nothing(kind))
            for column, kind in columns.items()
        }
    casts = ",\n    ".join(
        f"CAST({settled[column]} AS {TYPES[kind]}) AS {column}" for column, kind in columns.items()
    )
    sql = f"SELECT\n    {casts}\nFROM (\n{query}\n) AS settled"
    return View(name, sql, table, _without_source(name, recipe, origin, cells))


def _read_roles(
    columns: Mapping[str, str], origin: Origin, choices: Mapping[str, Choice]
) -> dict[str, str]:
    """SQL of those of a loaded table's columns that have a role, by role."""
    by_name = {name.lower(): name for name in reversed(list(columns))}
    roles = {role.name: role for role in origin.roles}
    if "currency" in choices:
        # Not every vendor has one, but it can be told.
        roles.setdefault("currency", Role("currency", ()))
    cells = {}
    for name, role in roles.items():
        choice = choices.get(name, Choice())
        if choice.value is not None:
            cells[name] = read_as(literal(choice.value), "text", role.kind)
        elif found := _find(role, choice, by_name, origin.table):
            divisor = role.divisor if choice.divisor is None else choice.divisor
            cells[name] = read_as(quote(found), columns[found], role.kind, divisor)
    return cells


def _select_roles(dataset: Dataset, table: str, origin: Origin, cells: Mapping[str, str]) -> str:
    """SQL of a loaded table by its roles, also those that no column has."""
    every = {role.name: nothing(role.kind) for role in origin.roles} | dict(cells)
    listed = ",\n    ".join(f"{cell} AS {name}" for name, cell in every.items())
    return f"SELECT\n    {listed}\nFROM {dataset.loaded(table)}{dataset.valid(table)}"


def _find(role: Role, choice: Choice, by_name: Mapping[str, str], table: str) -> str | None:
    if choice.column is None:
        return next((by_name[name] for name in role.names if name in by_name), None)
    if choice.column.lower() not in by_name:
        raise SettingsError(
            f"the table {table} has no column {choice.column[:60]!r}",
            where=f"the source of {role.name} in [{SECTION}]",
        )
    return by_name[choice.column.lower()]


def _without_source(
    name: str, recipe: Recipe, origin: Origin | None, known: Mapping[str, str]
) -> tuple[str, ...]:
    """The columns of a view that are NULL in each row."""
    if origin is None:
        return ()
    roles = {role.name for role in origin.roles}
    # What a query makes of other roles has a source.
    own = [column for column in VIEWS[name] if recipe.sql is None or column in roles]
    return tuple(column for column in own if column not in known)


def statements(dataset: Dataset, views: list[View]) -> Iterator[str]:
    """The SQL that makes the model's schema and views, or replaces them, one by one."""
    yield f"CREATE SCHEMA IF NOT EXISTS {quote(dataset.model_name)}"
    # What reads others goes before them.
    for view in reversed([each for each in views if each.sql is None]):
        yield f"DROP VIEW IF EXISTS {dataset.modelled(view.name)}"
    for view in views:
        if view.sql is None:
            continue
        name = dataset.modelled(view.name)
        if not dataset.is_postgres:
            yield f"CREATE OR REPLACE VIEW {name} AS\n{view.sql}"
            continue
        function = dataset.modelled(f"{view.name}_rows")
        types = {kind: its.partition("(")[0] for kind, its in TYPES.items()}
        columns = {column: types[kind] for column, kind in VIEWS[view.name].items()}
        yield function_sql(function, columns, view.sql)
        yield f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {function}()"


def make_views(dataset: Dataset, views: list[View]) -> None:
    """Make the views, all or none of them."""
    with dataset.client.begin_transaction():
        for sql in statements(dataset, views):
            dataset.client.execute_sql(sql)
