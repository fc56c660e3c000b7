"""Changes a setting between two loads, and judges what the table has then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.errors import SettingsError, SpaazaSourceError, TooManyDeletionsError
from tests.loading.matrix_shops import (
    FIRST,
    KINDS,
    MIDDLE,
    NOW,
    OTHER,
    OWN,
    Face,
    Kind,
    Row,
    SpaazaShop,
    TableRow,
    VoucherifyShop,
    rows_after,
    rows_before,
    without_note,
)
from tests.vendors.voucherify_files import KEYS
from tests.warehouses import pipeline_into, query

Change = Literal["added", "changed", "removed"]
CHANGES: tuple[Change, ...] = ("added", "changed", "removed")
#: What a refusal's hint advises.
Remedy = Literal["--full-refresh", "another dataset", "--accept-deletes"]
Join = Callable[[Kind, list[TableRow], list[TableRow]], list[TableRow]]

TOKEN = {"access_token_id": "a", "access_token_secret": "b"}
#: Settings whose value stands under the name of each table.
BY_TABLE = ("segments", "filters", "fields", "privacy", "time_columns", "column_types")


def take_anew(_kind: Kind, _before: list[TableRow], after: list[TableRow]) -> list[TableRow]:
    """The table has what the vendor gives now, and nothing else."""
    return after


@dataclass(frozen=True)
class State:
    """A setting at one of its values, and what the vendor gives under it.

    Attributes:
        given: Settings of the source; those of `BY_TABLE` for one table, but `all_types`, which is
            `column_types` for all at once.
        hints: What `apply_hints` is given; columns by the shop's names.
        environment: Variables that are set.
        keeps: Which rows the vendor gives.
        cells: What the table has of a row's cells.
        name: What the table is called, if not as the resource.
        stops: Whether the file cannot be loaded under it.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    keeps: Callable[[Kind, Row], bool] = lambda _kind, _row: True
    cells: Callable[[TableRow], TableRow] = without_note
    name: str | None = None
    stops: bool = False


@dataclass(frozen=True)
class Setting:
    """A setting, its values, and what is right where it changes between two loads.

    Attributes:
        name: Its name.
        first: The value that is added, changed and removed.
        second: The value that it is changed to; None where there is none.
        without: What stands in its place where it is not given.
        vendors: Whose sources have it.
        kinds: The kinds of table that it shapes.
        changes: How it may change.
        refused: The kinds that are refused, by change.
        remedy: What the refusal advises.
        guarded: The kinds that the delete guard stops, by change.
        joins: What the table has of both loads, by change; what the vendor gives now unless given.
        before: What the shop has of a table when the first settings load.
        between: What it has when they load once more; None where they do not.
        after: What it has when the second settings load.
        face: What the vendor calls things, if not as usual.
    """

    name: str
    first: State
    second: State | None = None
    without: State = State()
    vendors: Sequence[str] = ("spaaza", "voucherify")
    kinds: Sequence[Kind] = KINDS
    changes: Sequence[Change] = CHANGES
    refused: Mapping[Change, Sequence[Kind]] = field(default_factory=dict)
    remedy: Remedy = "--full-refresh"
    guarded: Mapping[Change, Sequence[Kind]] = field(default_factory=dict)
    joins: Mapping[Change, Join] = field(default_factory=dict)
    before: Callable[[Kind], list[Row]] = rows_before
    between: Callable[[Kind], list[Row]] | None = None
    after: Callable[[Kind], list[Row]] = rows_after
    face: Face | None = None

    def states(self, change: Change) -> tuple[State, State]:
        """The states of the first load and of the second."""
        match change:
            case "added":
                return self.without, self.first
            case "changed":
                assert self.second is not None, self.name
                return self.first, self.second
            case "removed":
                return self.first, self.without

    def is_loaded(self, change: Change, kind: Kind) -> bool:
        """Whether the second load takes the change up, without more ado."""
        return not any(kind in kinds.get(change, ()) for kinds in (self.refused, self.guarded))

    def verdict(self, change: Change, kind: Kind) -> str:
        """What is to come of a cell."""
        if kind in self.refused.get(change, ()):
            return f"refused, equal after {self.remedy}"
        if kind in self.guarded.get(change, ()):
            return "stopped by the delete guard, equal after --accept-deletes"
        return "stopped by a bad row" if self.states(change)[1].stops else "equal"


class Bench:
    """Loads and judges, of one vendor; first loads are shared by the cells that begin alike.

    Args:
        vendor: Whose source.
        folder: For warehouses and pipelines.
    """

    def __init__(self, vendor: str, folder: Path) -> None:
        self._vendor: SpaazaShop | VoucherifyShop
        self._vendor = SpaazaShop() if vendor == "spaaza" else VoucherifyShop()
        self._usual = self._vendor.shop.face
        self._folder = folder
        self._firsts: dict[str, Path] = {}

    @contextmanager
    def opened(self) -> Iterator[Bench]:
        """With the vendor's server."""
        with self._vendor:
            yield self

    def judge(
        self, setting: Setting, change: Change, *, follows_hints: bool = True
    ) -> dict[Kind, str]:
        """What came of each kind of table: `Setting.verdict`, or what is wrong.

        Args:
            setting: What changes.
            change: How.
            follows_hints: Whether what a refusal advises is done, and the table judged again.
        """
        first, second = setting.states(change)
        self._vendor.shop.face = setting.face or self._usual
        home = self._first_load(setting, first)
        self._put(setting.after, NOW, has_note=setting.between is not None)
        judged: dict[Kind, str] = {}
        try:
            with _environment(second):
                for remedy, kinds in _by_remedy(setting, change).items():
                    wrong = {}
                    if remedy is not None:
                        wrong = {kind: self._try(home, second, kind, remedy) for kind in kinds}
                    if remedy is None or follows_hints:
                        judged |= self._second_load(setting, change, home, remedy, kinds)
                    judged |= {kind: fault for kind, fault in wrong.items() if fault}
        finally:
            shutil.rmtree(home)
        return judged

    def _first_load(self, setting: Setting, state: State) -> Path:
        """A copy of what the first load makes."""
        key = repr((state, setting.kinds, setting.before, setting.between, setting.face))
        if key not in self._firsts:
            made = self._folder / f"first{len(self._firsts)}"
            made.mkdir()
            with _environment(state):
                self._put(setting.before, FIRST)
                self._run(made, state, setting.kinds)
                if setting.between is not None:
                    self._put(setting.between, MIDDLE, has_note=True)
                    self._run(made, state, setting.kinds)
            self._firsts[key] = made
        return Path(shutil.copytree(self._firsts[key], self._folder / "second"))

    def _second_load(
        self,
        setting: Setting,
        change: Change,
        home: Path,
        remedy: Remedy | None,
        kinds: Sequence[Kind],
    ) -> dict[Kind, str]:
        """What came of some kinds, for which the same is right."""
        _, state = setting.states(change)
        given: dict[str, Any] = {}
        refresh, target = None, home
        match remedy:
            case "--full-refresh":
                refresh = "drop_resources"
            case "another dataset":
                target = home / "another"
            case "--accept-deletes":
                given = {"accept_deletes": True}
        try:
            self._run(target, state, kinds, refresh=refresh, **given)
        except Exception as error:  # noqa: BLE001 - it is judged
            if not (state.stops and isinstance(_ours(error), SpaazaSourceError)):
                return dict.fromkeys(kinds, f"STOPPED: {_ours(error)}")
        else:
            if state.stops:
                return dict.fromkeys(kinds, "NOT STOPPED")
        return {
            kind: self._compare(setting, change, kind, target, anew=target is not home or refresh)
            or setting.verdict(change, kind)
            for kind in kinds
        }

    def _try(self, home: Path, state: State, kind: Kind, remedy: Remedy) -> str:
        """What is wrong with how a load is refused; nothing where that is right."""
        requested = self._vendor.requested
        expected = TooManyDeletionsError if remedy == "--accept-deletes" else SettingsError
        pipeline = pipeline_into(home)
        try:
            pipeline.extract(self._source(state, [kind]))
        except Exception as error:  # noqa: BLE001 - it is judged
            ours = _ours(error)
            if not isinstance(ours, expected) or remedy not in (ours.hint or ""):
                return f"REFUSED OTHERWISE: {ours}"
            if expected is SettingsError and self._vendor.requested != requested:
                return f"REFUSED TOO LATE: {ours}"
            return ""
        pipeline.abort_packages()
        return "NOT REFUSED"

    def _run(
        self, home: Path, state: State, kinds: Sequence[Kind], *, refresh: Any = None, **given: Any
    ) -> None:
        pipeline_into(home).run(self._source(state, kinds, **given), refresh=refresh)

    def _source(self, state: State, kinds: Sequence[Kind], **more: Any) -> Any:
        """The source of some kinds of table, in a state."""
        face, vendor = self._vendor.shop.face, self._vendor
        tables = {kind: face.tables[kind] for kind in kinds}
        given = {"poll_interval": 0.01, "max_age": 0, **state.given, **more}
        for name in BY_TABLE:
            if name in given:
                value = given[name]
                given[name] = {tables[kind]: _for_kind(face, kind, name, value) for kind in kinds}
        if "all_types" in given:
            given["column_types"] = given.pop("all_types")
        base_url = vendor.base_url + given.pop("path", "")
        account = given.pop("account", None)
        if isinstance(vendor, SpaazaShop):
            given |= {"start_margin": 0, "stagger": 0}
            source = spaaza_source(base_url, account or 1743, TOKEN, **given)
        else:
            keys = {**KEYS, "app_id": KEYS["app_id"] + (account or "")}
            cells = [cell for kind in KINDS for cell in face.columns[kind] if cell != "note"]
            fields = {tables[kind]: _for_kind(face, kind, "fields", cells) for kind in kinds}
            given = {"fields": fields, "objects": list(tables.values()), **given}
            source = voucherify_source(base_url, keys, **given)
        for kind, table in tables.items():
            if state.name:
                source.resources[table].apply_hints(table_name=f"{state.name}_{kind}")
            if state.hints:
                source.resources[table].apply_hints(**_hints(face, kind, state.hints))
        return source.with_resources(*tables.values())

    def _put(
        self, rows: Callable[[Kind], list[Row]], clock: datetime, *, has_note: bool = False
    ) -> None:
        """Let it be that time at the vendor, and the shop have these rows."""
        shop = self._vendor.shop
        shop.rows = {kind: rows(kind) for kind in KINDS}
        shop.clock, shop.has_note = clock, has_note

    def _compare(
        self, setting: Setting, change: Change, kind: Kind, home: Path, *, anew: Any
    ) -> str:
        """How a table differs from what is to be expected; nothing where it is equal."""
        first, second = setting.states(change)
        before = _expected(kind, (setting.between or setting.before)(kind), first)
        after = _expected(kind, setting.after(kind), second)
        if not anew:
            after = setting.joins.get(change, take_anew)(kind, before, after)
        if second.stops:
            after = before
        face = self._vendor.shop.face
        names = {cell: face.column(kind, cell) for cell in face.columns[kind]}
        expected = [
            {names[cell]: value for cell, value in row.items() if cell in names} for row in after
        ]
        table = f"{second.name}_{kind}" if second.name else face.tables[kind]
        return _difference(_found(home, table), expected)


def _by_remedy(setting: Setting, change: Change) -> dict[Remedy | None, list[Kind]]:
    """The kinds that a change shapes, by what has to be done for them."""
    remedies: dict[Remedy | None, list[Kind]] = {}
    for kind in setting.kinds:
        remedy: Remedy | None = None
        if kind in setting.refused.get(change, ()):
            remedy = setting.remedy
        elif kind in setting.guarded.get(change, ()):
            remedy = "--accept-deletes"
        remedies.setdefault(remedy, []).append(kind)
    return remedies


def _expected(kind: Kind, rows: Sequence[Row], state: State) -> list[TableRow]:
    account = OTHER if state.given.get("account") in (1744, OTHER) else OWN
    return [
        state.cells(row.cells())
        for row in rows
        if row.account == account and not row.broken and state.keeps(kind, row)
    ]


def _found(home: Path, table: str) -> list[TableRow]:
    """A table's valid rows, without dlt's own columns."""
    columns = [str(row[0]) for row in query(home, f"DESCRIBE {table}")]
    where = "WHERE _dlt_valid_to IS NULL" if "_dlt_valid_to" in columns else ""
    own = [name for name in columns if not name.startswith("_dlt") and name != "row_version"]
    names = ", ".join(f'"{name}"' for name in own)
    return [
        dict(zip(own, row, strict=True))
        for row in query(home, f"SELECT {names} FROM {table} {where}")
    ]


def _difference(found: list[TableRow], expected: list[TableRow]) -> str:
    # A column without any value need not be there.
    ours, right = (
        sorted(
            str({name: _plain(row[name]) for name in sorted(row) if name in filled}) for row in rows
        )
        for rows in (found, expected)
        for filled in [{name for row in rows for name, cell in row.items() if cell is not None}]
    )
    if ours == right:
        return ""
    missing = [row for row in right if row not in ours]
    extra = [row for row in ours if row not in right]
    return f"WRONG: {len(ours)} rows of {len(right)}; missing {missing}; extra {extra}"


def _plain(cell: Any) -> Any:
    """A cell, equal where type and value are."""
    if isinstance(cell, Decimal):
        return cell.normalize()
    return cell.astimezone(UTC) if isinstance(cell, datetime) else cell


def _for_kind(face: Face, kind: Kind, setting: str, value: Any) -> Any:
    """A setting by table, for a table of a kind; its columns are told by the shop's names."""
    columns = face.columns[kind]
    if setting == "privacy":
        return {columns[cell]: action for cell, action in value.items()}
    if setting == "column_types" and not isinstance(value, str):
        return {face.column(kind, cell): kind_of for cell, kind_of in value.items()}
    if setting == "fields":
        return [columns[cell] for cell in dict.fromkeys(value) if cell in columns]
    return value


def _hints(face: Face, kind: Kind, hints: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(hints)
    if "primary_key" in given:
        given["primary_key"] = [face.column(kind, cell) for cell in given["primary_key"]]
    if "columns" in given:
        given["columns"] = {
            face.column(kind, cell): hint for cell, hint in given["columns"].items()
        }
    return given


def _ours(error: BaseException) -> Any:
    """The error of this package that is behind one of dlt's; that itself where there is none."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, SpaazaSourceError):
        found = found.__cause__ or found.__context__
    return found or error


@contextmanager
def _environment(state: State) -> Iterator[None]:
    os.environ.update(state.environment)
    try:
        yield
    finally:
        for name in state.environment:
            del os.environ[name]
