"""Five random files of one table in a row: what is loaded of each, and what is told of it.

The files drift as vendors' files do: columns appear, vanish, return, move, change their type, their
precision, and the spelling and alphabet of their headers. An oracle of its own says what has to be
found and told. `python -m tests.drift.sequences 2000` runs the long form.
"""

from __future__ import annotations

import csv
import io
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from spaaza_source import spaaza_source
from tests.quick_dlt import compute_once
from tests.vendors.spaaza_files import FileVendor
from tests.warehouses import pipeline_into, query

FILES = 5
#: Each has a sequence of its own.
TABLES = ("users", "products", "product_variants", "transactions", "vouchers", "wallet_ledger")
#: By a saved segment a table is always loaded whole.
SEGMENTS = dict.fromkeys(TABLES, "saved")
#: A column that every file has, and that tells its rows apart: no vendor's name for a key.
ROW = "ref"
#: Of texts within one tuple a file has at most one: dlt spells them alike.
HEADERS: tuple[tuple[str, ...], ...] = (
    ("Points",),
    ("Total spend (€)", "Total spend (¥)"),
    ("Πόλη", "Όνομα", "名前"),
    ("Prénom", "Pr nom"),
    ("level",),
    ("Shop + web", "Shop x web"),
    ("rate of return",),
)
#: Spellings that make no other text.
SPELLINGS = ("{}", " {}", "{} ", "\ufeff{}", "{}\u200e", "{}\u00ad", "{}:", "({})")
KINDS = ("whole", "decimal", "text", "bool", "date", "time", "empty", "mixed", "code")


@dataclass
class File:
    """One file: by logical header text, its spelling and cells; in the file's order."""

    spelled: dict[str, str]
    cells: dict[str, list[str]]
    rows: int

    @property
    def text(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([self.spelled[text] for text in self.cells])
        writer.writerows(zip(*self.cells.values(), strict=True))
        return out.getvalue()


def make_files(seed: object) -> Iterator[File]:
    """The files of a sequence."""
    chance = random.Random(repr(seed))  # noqa: S311 - test data
    kinds: dict[str, str] = {}
    present: list[str] = []
    for _ in range(FILES):
        present = _drift_columns(chance, present)
        rows = chance.randint(1, 5)
        cells: dict[str, list[str]] = {}
        for text in present:
            if text not in kinds or chance.random() < 0.3:
                kinds[text] = chance.choice(KINDS)
            cells[text] = [_cell(chance, kinds[text]) for _ in range(rows)]
        place = chance.randint(0, len(present))
        listed = list(cells.items())
        listed.insert(place, (ROW, [f"r{number}" for number in range(rows)]))
        spelled = {text: _spell(chance, text) for text in present}
        yield File({**spelled, ROW: ROW}, dict(listed), rows)


def _drift_columns(chance: random.Random, before: Sequence[str]) -> list[str]:
    present = [text for text in before if chance.random() < 0.8]
    for texts in HEADERS:
        if not set(texts) & set(present) and chance.random() < 0.4:
            present.insert(chance.randint(0, len(present)), chance.choice(texts))
    if chance.random() < 0.3:
        chance.shuffle(present)
    return present


def _spell(chance: random.Random, text: str) -> str:
    spelled = chance.choice(SPELLINGS).format(text) if chance.random() < 0.4 else text
    return spelled.upper() if text.isascii() and chance.random() < 0.2 else spelled


def _cell(chance: random.Random, kind: str) -> str:
    if chance.random() < 0.15 or kind == "empty":
        return ""
    if kind == "mixed":
        kind = chance.choice(["whole", "decimal", "text", "bool", "date"])
    zone = chance.choice(["", "Z", "+02:00"])
    cells = {
        "whole": [str(number) for number in (0, 7, -12, 10 ** chance.randint(1, 17), 10**20)],
        "decimal": [f"{chance.randint(1, 999)}.{chance.randint(0, 10 ** chance.randint(1, 9))}"],
        "bool": ["true", "false"],
        "date": [f"20{chance.randint(10, 29)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}"],
        "time": [f"2026-05-{chance.randint(10, 28)}T1{chance.randint(0, 9)}:00:00{zone}"],
        "code": ["000123", "SUMMER24", "123", "+31612345678"],
        "text": ["a", "B, c", 'say "x"', "NA", "1e5", "é", "12,50"],
    }
    return chance.choice(cells[kind])


@dataclass
class Oracle:
    """What has to be found of a table after each load, and told of it."""

    folder: Path
    table: str
    before: File | None = None
    seen: set[str] = field(default_factory=set)
    types: dict[str, str] = field(default_factory=dict)

    def check(self, pipeline: dlt.Pipeline, file: File) -> None:
        """Compare the table, and what was told, with the file that was loaded last."""
        memory: Any = pipeline.default_schema.tables[self.table]
        names = {text.strip("\ufeff"): name for name, text in memory["x-header-texts"].items()}
        of_text = {text: names[file.spelled[text].strip("\ufeff")] for text in file.cells}
        types, rows = self._stored()
        assert len(rows) == file.rows
        misfits = {}
        for text, cells in file.cells.items():
            count = _check_cells(rows, of_text[text], cells)
            if count:
                misfits[of_text[text]] = count
        self._check_notices(file, of_text, misfits, types)
        self.before, self.types = file, types
        self.seen |= set(file.cells)

    def _stored(self) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """The types of the table's columns, and its rows in their order."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            connection.execute("SET search_path = 'loyalty'; SET TimeZone = 'UTC'")
            found = connection.execute(f'FROM {self.table} ORDER BY "{ROW}"')
            types = {column[0]: str(column[1]) for column in found.description or ()}
            return types, [dict(zip(types, row, strict=True)) for row in found.fetchall()]

    def _check_notices(
        self, file: File, of_text: dict[str, str], misfits: dict[str, int], types: dict[str, str]
    ) -> None:
        row = query(
            self.folder,
            "SELECT notices, (SELECT count(*) FROM column_changes AS changes WHERE change = 'moved'"
            " AND changes.job_id = jobs.job_id AND changes.table_name = jobs.table_name)"
            f" FROM export_jobs AS jobs WHERE table_name = '{self.table}'"
            " ORDER BY loaded_at DESC LIMIT 1",
        )[0]
        notices = json.loads(row[0] or "[]")
        told: dict[str, set[Any]] = {}
        for each in notices:
            told.setdefault(each["kind"], set()).add(each["column"])
        assert {each["column"]: each["rows"] for each in notices if each["kind"] == "misfit"} == (
            misfits
        )
        widened = {
            name for name, kind in self.types.items() if name in types and types[name] != kind
        }
        assert told.pop("widened", set()) == widened
        told.pop("misfit", None)
        told.pop("unspelled", None)
        if self.before is None:
            assert told == {}, told
            return
        new = {of_text[text] for text in file.cells if text not in self.before.cells}
        back = {of_text[text] for text in file.cells if text in self.seen} & new
        gone = set(self.before.cells) - set(file.cells)
        assert told.pop("returned", set()) == back, (told, back)
        renamed = told.pop("renamed", set())
        appeared = told.pop("appeared", set()) | told.pop("other_header", set()) | renamed
        assert appeared == new - back, (appeared, new, back)
        assert len(told.pop("vanished", set())) + len(renamed) == len(gone), (notices, gone)
        assert told == {}
        order = [text for text in file.cells if text in self.before.cells]
        moved = order != [text for text in self.before.cells if text in file.cells]
        assert bool(row[1]) == moved


def _check_cells(rows: Sequence[Mapping[str, Any]], column: str, cells: Sequence[str]) -> int:
    """Find each cell as its type or as its text; returns how many are text beside the type."""
    misfits = 0
    for cell, row in zip(cells, rows, strict=True):
        value, text = row.get(column), row.get(f"{column}__v_text")
        if text is not None:
            assert (value, text) == (None, cell), (column, cell, value, text)
            misfits += 1
        elif cell == "":
            assert value is None, (column, value)
        else:
            assert _equals(value, cell), (column, cell, value)
    return misfits


def _equals(value: Any, cell: str) -> bool:
    match value:
        case bool():
            return cell == str(value).lower()
        case int() | Decimal():
            return Decimal(cell) == value
        case datetime():
            moment = datetime.fromisoformat(cell)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment == value
        case date():
            return date.fromisoformat(cell) == value
    return bool(value == cell)


def check_sequences(vendor: FileVendor, folder: Path, seed: int) -> int:
    """Load a sequence into each of the tables, and check each load; returns how many they were."""
    sequences = {table: list(make_files((seed, table))) for table in TABLES}
    oracles = {table: Oracle(folder, table) for table in TABLES}
    pipeline = pipeline_into(folder)
    waiting: dict[str, Any] = {"poll_interval": 0, "start_margin": 0, "stagger": 0, "max_age": 0}
    credentials = {"access_token_id": "id", "access_token_secret": "secret"}
    for number in range(FILES):
        for table in TABLES:
            vendor.files[table.replace("_", "-")] = sequences[table][number].text.encode()
        source = spaaza_source(
            vendor.base_url, 1743, credentials, accept_deletes=True, segments=SEGMENTS, **waiting
        ).with_resources(*TABLES)
        pipeline.run(source)
        for table in TABLES:
            oracles[table].check(pipeline, sequences[table][number])
    return len(TABLES)


def main(wanted: int, first: int = 0) -> int:
    """Check so many sequences, from a seed on."""
    compute_once()
    done, seed = 0, first
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        patch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")
        while done < wanted:
            with tempfile.TemporaryDirectory() as folder, FileVendor() as vendor:
                patch.setenv("DLT_DATA_DIR", folder)
                try:
                    done += check_sequences(vendor, Path(folder), seed)
                except BaseException:
                    print(f"seed {seed} failed after {done} sequences")  # noqa: T201
                    raise
            seed += 1
    print(f"{done} sequences of {FILES} files: every cell found, every difference told")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:] or ["30"])))
