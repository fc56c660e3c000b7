"""Any objects in any layout come back equal; any damage shows, or changes nothing.

The reference below reads with the standard library's parser and types value by value, and shares
no code with the product but the spelling of keys. A longer run:
`TABULAR_EXAMPLES=20000 pytest -m "" tests/tabular/test_any_json.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from spaaza_source.errors import HeaderError, SpaazaSourceError
from spaaza_source.tabular import open_json
from spaaza_source.tabular.header import make_speller
from spaaza_source.tabular.json_reader import elements as json_elements
from spaaza_source.tabular.json_reader import file as json_file

pytestmark = pytest.mark.slow

bounded = settings(max_examples=int(os.environ.get("TABULAR_EXAMPLES", "80")), deadline=None)
Place = tuple[str, ...]
spelled = make_speller()


class Exact(str):
    """A number as the generator writes it."""

    __slots__ = ()


KEYS = st.sampled_from(["a", "b", "c_d", "value", "list"])
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", "00123", "12", "-7", "552.41", "true", "false", "NA", "1e5", "+31612345678"),
            *("2020-02-29", "2021-02-29", "2018-09-04T00:47:41Z", "2019-08-02 15:18:52.5+02:00"),
            *("2050-01-01 00:00:00", "0001-01-01T00:00:00Z", "=cmd|x", '"', "\\", "{", "]", "\n"),
        ]
    ),
    # Not what no destination or dlt can hold: those rows are rejected, which other tests prove.
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6).filter(
        lambda text: not "\uf026" <= text[:1] <= "\uf02d"
    ),
)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-1000, 1000, places=2).map(lambda number: f"{number:f}"),
    st.sampled_from(["0", "-0", "1e5", "25E-3", "-1.5e+2", "0.123456789", "1E400", "1.5000000001"]),
).map(Exact)
PLAIN = st.one_of(st.none(), st.booleans(), TEXTS, NUMBERS)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
#: Most values of a path are of one kind, as they are in exports.
RECORDS = st.one_of(
    st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=6),
    st.fixed_dictionaries({}, optional={"a": NUMBERS, "b": TEXTS, "c_d": st.booleans()}).flatmap(
        lambda one: st.lists(st.just(one), min_size=2, max_size=4)
    ),
).map(lambda rows: [{"id": number, **row} for number, row in enumerate(rows)])


@bounded
@given(RECORDS, st.sampled_from(["list", "envelope", "lines"]), st.randoms(), st.booleans())
@pytest.mark.thorough
def test_any_records_in_any_layout_come_back(
    rows: list[dict[str, Any]], layout: str, chance: random.Random, small: bool
) -> None:
    if layout == "lines" and len(rows) < 2:
        return  # no file, or a record that stands alone
    data = file_of(rows, layout, chance)
    try:
        found = loaded(data, small=small)
    except HeaderError as error:
        # Keys of an object and of a list's elements can make one table; nothing else is wrong.
        assert "two lists both become" in str(error)  # noqa: PT017 - the other way is no error
        event("two lists, one table")
        return
    assert found == expected(meaning(data))
    assert len(found) == len(rows)
    event(layout)


@bounded
@given(RECORDS, st.sampled_from(["list", "envelope", "lines"]), st.randoms(), st.data())
@pytest.mark.thorough
def test_a_file_cut_anywhere_is_refused_or_whole_in_itself(
    rows: list[dict[str, Any]], layout: str, chance: random.Random, choice: st.DataObject
) -> None:
    data = file_of(rows, layout, chance).rstrip()
    length = choice.draw(st.integers(0, max(len(data) - 1, 0)))
    cut = data[:length]
    try:
        found = loaded(cut)
    except SpaazaSourceError:
        return
    assert layout == "lines"
    lines = [line for line in cut.split(b"\n") if line.strip()]
    assert len(lines) >= 2
    assert found == expected([read(line.decode()) for line in lines])
    event("cut at the end of a line")


@bounded
@given(RECORDS, st.sampled_from(["list", "envelope", "lines"]), st.randoms(), st.data())
@pytest.mark.thorough
def test_a_changed_byte_shows_or_the_file_means_what_is_loaded(
    rows: list[dict[str, Any]], layout: str, chance: random.Random, choice: st.DataObject
) -> None:
    data = bytearray(file_of(rows, layout, chance))
    if not data:
        return
    at = choice.draw(st.integers(0, len(data) - 1))
    data[at] = choice.draw(st.one_of(st.sampled_from(b'"\\{}[],:\n 0e-'), st.integers(0, 255)))
    try:
        found = loaded(bytes(data))
    except SpaazaSourceError:
        event("refused")
        return
    assert found == expected(meaning(bytes(data)))
    event("accepted")


def loaded(data: bytes, *, small: bool = False) -> list[dict[str, Any]]:
    """The records that the product makes of a file, every row of it good."""
    with (
        tempfile.NamedTemporaryFile() as file,
        mock.patch.multiple(json_elements, BLOCK=3 if small else 2**20),
        mock.patch.multiple(json_file, BATCH_ROWS=2 if small else 5_000),
    ):
        file.write(data)
        file.flush()
        found = open_json(Path(file.name), max_rejected_rows=0)
        assert not found.rejected
        return [record for batch in found.records() for record in batch]


def file_of(rows: list[dict[str, Any]], layout: str, chance: random.Random) -> bytes:
    if layout == "lines":
        end = chance.choice(["\n", "\r\n"])
        lines = [written(row, chance, " \t") + end for row in rows]
        return "".join(lines).removesuffix(chance.choice(["", end])).encode()
    text = written(rows, chance, " \t\r\n")
    if layout == "envelope":
        members = ['"total":2', f'"data":{text}', '"next" : null', '"note":"[{]}"']
        text = "{" + ",".join(chance.sample(members, 4)) + "}"
    return (chance.choice(["", "\ufeff"]) + text + chance.choice(["", "\n", " "])).encode()


def written(value: Any, chance: random.Random, space: str) -> str:
    """A value as JSON, with white space wherever it may be."""

    def gap() -> str:
        return str(chance.choice(["", "", "", *space]))

    if isinstance(value, dict):
        members = (
            f"{gap()}{json.dumps(key)}{gap()}:{written(part, chance, space)}"
            for key, part in value.items()
        )
        return gap() + "{" + ",".join(members) + gap() + "}" + gap()
    if isinstance(value, list):
        parts = (written(part, chance, space) for part in value)
        return gap() + "[" + ",".join(parts) + gap() + "]" + gap()
    if isinstance(value, Exact):
        return gap() + str(value) + gap()
    return gap() + json.dumps(value, ensure_ascii=chance.random() < 0.5) + gap()


# The reference


class Whole(int):
    """A number without point and exponent, and its text."""

    raw: str


class Broken(Decimal):
    """Any other number, and its text."""

    raw: str


def meaning(data: bytes) -> list[dict[str, Any]]:
    """The objects of a file that is sound."""
    text = data.decode("utf-8-sig")
    try:
        whole = read(text)
    except json.JSONDecodeError:
        return [read(line) for line in text.split("\n") if line.strip()]
    if isinstance(whole, dict):
        [whole] = [part for part in whole.values() if isinstance(part, list)]
    assert isinstance(whole, list)
    return whole


def read(text: str) -> Any:
    def number(kind: Any) -> Any:
        def of(raw: str) -> Any:
            value = kind(raw)
            value.raw = raw
            return value

        return of

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    return json.loads(
        text, parse_int=number(Whole), parse_float=number(Broken), object_pairs_hook=members
    )


def expected(  # noqa: C901 - two walks are plainest beside each other
    rows: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The typed records of objects, worked out value by value."""
    plain: dict[Place, list[Any]] = defaultdict(list)
    holding: set[Place] = set()

    def gather(place: Place, value: Any) -> None:
        for key, part in value.items():
            here = (*place, key)
            if isinstance(part, dict):
                holding.add(here)
                gather(here, part)
            elif isinstance(part, list):
                holding.add(here)
                for element in part:
                    gather((*here, "[]"), row_of(element))
            elif part is not None and part != "":
                plain[here].append(part)

    def made(place: Place, value: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for key, part in value.items():
            here, name = (*place, key), spelled(key)
            empty = part is None or part == ""
            if here in plain:
                row[name] = None
                if isinstance(part, (dict, list)):
                    row[name + "__v_text"] = text_of(part)
                elif not empty:
                    row[name] = typed(part, type_of(plain[here]))
            elif isinstance(part, dict):
                row[name] = made(here, part)
            elif isinstance(part, list):
                row[name] = [made((*here, "[]"), row_of(element)) for element in part]
        return row

    for row in rows:
        gather((), row)
    return [made((), row) for row in rows]


def row_of(element: Any) -> dict[str, Any]:
    if isinstance(element, dict):
        return element
    return {"list" if isinstance(element, list) else "value": element}


def type_of(values: list[Any]) -> str:
    kinds = set.intersection(*(kinds_of(value) for value in values))
    ranked = ["bool", "bigint", "decimal", "date", "timestamp"]
    return next((kind for kind in ranked if kind in kinds), "text")


def kinds_of(value: Any) -> set[str]:  # noqa: PLR0911 - one for each form
    if isinstance(value, bool):
        return {"bool"}
    if isinstance(value, Whole):
        return {"bigint", "decimal"} if abs(value) < 10**18 else set()
    if isinstance(value, Broken):
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        return {"decimal"} if exponent >= -9 and (value.adjusted() < 29 or not value) else set()
    if value in ("true", "false"):
        return {"bool"}
    if re.fullmatch("0|-?[1-9][0-9]{0,17}", value):
        return {"bigint", "decimal"}
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,28})\.[0-9]{1,9}", value):
        return {"decimal"}
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return {"date"} if is_time(value, "%Y-%m-%d") else set()
    match = re.fullmatch(
        r"(.{10})[T ]([0-9:]{8})(?:\.[0-9]{1,6})?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?", value
    )
    if match and is_time(f"{match[1]} {match[2]}", "%Y-%m-%d %H:%M:%S"):
        try:
            typed(value, "timestamp")
        except (ValueError, OverflowError):
            return set()
        return {"timestamp"}
    return set()


def is_time(text: str, form: str) -> bool:
    try:
        return dt.datetime.strptime(text, form).strftime(form).zfill(len(text)) == text  # noqa: DTZ007
    except ValueError:
        return False


def typed(value: Any, kind: str) -> Any:  # noqa: PLR0911 - one for each kind
    text = getattr(value, "raw", value)
    match kind:
        case "text":
            return str(value).lower() if isinstance(value, bool) else text
        case "bool":
            return value in (True, "true")
        case "bigint":
            return int(text)
        case "decimal":
            return Decimal(text)
        case "date":
            return dt.date.fromisoformat(text)
        case _:
            day_and_time, fraction, zone = re.fullmatch(
                r"(.{19})(?:\.([0-9]+))?(Z|[+-].*)?", text
            ).groups()  # type: ignore[union-attr]
            micros = int((fraction or "0").ljust(6, "0"))
            local = dt.datetime.fromisoformat(day_and_time).replace(
                microsecond=micros, tzinfo=dt.UTC
            )
            if zone in (None, "Z"):
                return local
            digits = zone[1:].replace(":", "").ljust(4, "0")
            if not int(digits[:2]) < 24 or not int(digits[2:]) < 60:
                raise ValueError
            shift = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            return local - shift if zone[0] == "+" else local + shift


def text_of(value: Any) -> str:
    if isinstance(value, dict):
        members = (f"{json.dumps(k, ensure_ascii=False)}: {text_of(v)}" for k, v in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return str(getattr(value, "raw", None) or json.dumps(value, ensure_ascii=False))
