"""Records read many at once are those read one by one, and so is what is refused or rejected.

However a file falls into blocks, runs, pieces and batches, and whether its rows are kept or read
again: it gives the same. A longer run: `TABULAR_EXAMPLES=20000 pytest -m ""` with this file.
"""

from __future__ import annotations

import functools
import gc
import itertools
import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaaza_source.errors import (
    MalformedFileError,
    SpaazaSourceError,
)
from spaaza_source.tabular import ColumnType, open_json, spool
from spaaza_source.tabular.json_reader import batch as json_batch
from spaaza_source.tabular.json_reader import elements as json_elements
from spaaza_source.tabular.json_reader import file as json_file
from spaaza_source.tabular.json_reader import runs as json_runs
from spaaza_source.tabular.json_reader.no_cycles import makes_no_cycles
from spaaza_source.tabular.json_reader.text import read_value
from tests.tabular.json_files import opened_json, records, types
from tests.tabular.test_any_json import RECORDS, bounded, file_of

#: What a run must leave to the reader of single values, or must not mistake.
ODD = (
    *(
        '"a" : ": "',
        '"a":"\\":"',
        '"a:":" :"',
        '"a":"\\u003a"',
        '"\\u003a":1',
        '"a":-0',
        '"a":"-0,"',
    ),
    *('"a":1,"a":1', '"a":1,"a" :": "', '"a":{"b":1,"b":":"}', '"a":[{"b":1,"b":2}]', '"a":[[{}]]'),
    *('"a":"\\u0000"', '"a":"\\ud83d\\ude00"', '"a":"\\ud83d"', '"a":"\uf026x"', '"a":"\\uf02dx"'),
    *('"a":"\\\\\\ud83d\\ude00"', '"a":"\\\\ud83d\\ude00"', '"a":"\\ud83d\\ude00\\ude00"'),
    *('"a":1e5', '"a":-1.50E-2', f'"a":{"9" * 25}', f'"a":{"9" * 5000}', '"a":NaN', '"a":1,', ""),
    '"a":' + "[" * 98 + "1" + "]" * 98,
    '"a":' + "[" * 101 + "1" + "]" * 101,
    '"a":' + '{"b":' * 99 + "[]" + "}" * 99,
)
KNOWN = {"id": ColumnType("bigint"), "a": ColumnType("decimal"), "b": ColumnType("text")}


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    return functools.partial(opened_json, tmp_path)


@contextmanager
def cut(
    *,
    block: int = 2**20,
    run: int = 2**18,
    piece: int = 2**18,
    rows: int = 5_000,
    keep: bool = True,
) -> Iterator[None]:
    """How a file is cut; without a run, every record is read for itself."""
    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(json_elements, "BLOCK", block))
        patches.enter_context(mock.patch.object(json_runs, "LONGEST_RUN", run))
        patches.enter_context(mock.patch.object(json_batch, "PIECE_CHARACTERS", piece))
        patches.enter_context(mock.patch.object(json_file, "BATCH_ROWS", rows))
        patches.enter_context(mock.patch.object(spool, "MOST_AT_ONCE", 32 if keep else 0))
        if not run:
            none = mock.Mock(return_value=None)
            patches.enter_context(mock.patch.object(json_elements._Text, "read_run", none))
        yield


WAYS: tuple[dict[str, Any], ...] = (
    {"run": 0, "keep": False},
    {"run": 0, "block": 3, "rows": 2},
    {"block": 7, "run": 1, "piece": 1, "rows": 3},
    {"block": 64, "run": 20, "piece": 30, "keep": False},
    {"piece": 1},
    {"rows": 1, "keep": False},
)


def outcome(data: bytes, **options: Any) -> tuple[Any, ...]:
    """All that is made of a file, or why it is refused."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            found = open_json(Path(file.name), max_rejected_share=1, **options)
            rows = [record for batch in found.records() for record in batch]
        except SpaazaSourceError as error:
            return type(error), str(error), error.where, error.hint
        return found.columns, found.nested, found.rejected, found.rows, shown(rows)


def shown(value: Any) -> Any:
    """A value with its types, digits and order, for comparison."""
    if isinstance(value, dict):
        return [(key, shown(part)) for key, part in value.items()]
    return list(map(shown, value)) if isinstance(value, list) else repr(value)


def assert_same_in_all_ways(data: bytes, **options: Any) -> None:
    whole = outcome(data, **options)
    for way in WAYS:
        with cut(**way):
            found = outcome(data, **options)
            # Of two faults, the one in bytes that are not read yet is not seen.
            may_be = [whole, outcome(decodable(data), **options)] if "block" in way else [whole]
        assert found in may_be, way


def decodable(data: bytes) -> bytes:
    """As much of it as is UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as broken:
        return data[: broken.start]
    return data


@bounded
@given(RECORDS, st.sampled_from(["list", "envelope", "lines"]), st.randoms(), st.data())
@pytest.mark.slow
@pytest.mark.thorough
def test_any_file_gives_the_same_however_it_is_read(
    rows: list[dict[str, Any]], layout: str, chance: random.Random, choice: st.DataObject
) -> None:
    data = bytearray(file_of(rows, layout, chance))
    for _ in range(choice.draw(st.integers(0, 2)) if data else 0):
        at = choice.draw(st.integers(0, len(data) - 1))
        data[at] = choice.draw(st.one_of(st.sampled_from(b'"\\{}[],:\n 0e-'), st.integers(0, 255)))
    known = choice.draw(st.sampled_from([{}, KNOWN]))
    assert_same_in_all_ways(bytes(data), known_types=known)


@pytest.mark.parametrize("layout", ["list", "lines"])
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:20])
def test_an_odd_record_among_plain_ones_is_read_as_for_itself(odd: str, layout: str) -> None:
    plain = [f'{{"id":{number},"c":"x:{number}"}}' for number in range(20)]
    rows = [*plain[:10], f'{{"id":10{"," if odd else ""}{odd}}}', *plain[11:]]
    text = "\n".join(rows) + "\n" if layout == "lines" else "[" + ",\n".join(rows) + "]"
    assert_same_in_all_ways(text.encode())
    assert_same_in_all_ways(text.encode(), on_bad_row="fail")


@pytest.mark.parametrize("twice", ['"a":1,"a":2', '"a" : "1 :", "a":"2"', '"n":[{"a":1,"a":2}]'])
@pytest.mark.parametrize("others", ['"t":"x"', '"t":" : \\":"', '"t":"\\u003a"'])
def test_a_key_that_is_twice_shows_whatever_colons_stand_in_texts(
    opened: Any, twice: str, others: str
) -> None:
    rows = ["{" + others + "}"] * 30
    rows[20] = "{" + others + "," + twice + "}"
    where = len("[" + "".join(row + "," for row in rows[:20]))
    with pytest.raises(MalformedFileError, match=f"byte offset {where}: .*has the key 'a' twice"):
        opened("[" + ",".join(rows) + "]")


def test_only_what_is_doubtful_is_read_one_by_one(opened: Any) -> None:
    rows = [{"id": n, "t": f"{n}: a :b", "n": [{"x": f"{n}"}], "o": {"y": [n]}} for n in range(500)]
    # Where other tests' files keep too many rows, this one would be read once more.
    alone = mock.patch.object(spool, "MOST_AT_ONCE", 10_000)
    with alone, mock.patch.object(json_elements, "read_value", side_effect=read_value) as read:
        assert len(records(opened(rows))) == 500
        # Another test's file may still be read in a thread.
        assert not [call for call in read.call_args_list if "499: a :b" in call.args[0]]
        odd = json.dumps(rows)[:-1] + ',{"id":-0},{"id":5}]'
        assert len(records(opened(odd))) == 502
        assert len([call for call in read.call_args_list if '{"id":-0}' in call.args[0]]) == 1


def test_types_do_not_depend_on_where_a_value_stands(tmp_path: Path) -> None:
    odd: list[Any] = ["x", 1.5, True, {"k": 1}, [1], [], {}, "", None, "0001-01-01"]
    for value, at in itertools.product(odd, [0, 5, 11]):
        rows: list[Any] = [{"id": number, "a": "2020-01-01"} for number in range(12)]
        rows[at]["a"] = value
        found = []
        for way in ({}, *WAYS):
            with cut(**way):
                file = opened_json(tmp_path, rows)
                found.append((types(file), records(file)))
        assert all(each == found[0] for each in found)


def test_plain_values_after_objects_and_lists_make_these_text_again(opened: Any) -> None:
    rows = [{"a": {"b": 1}, "l": [{"c": 1.50}]}] * 3 + [{"a": 5, "l": "x"}]
    ways: tuple[dict[str, Any], ...] = ({}, {"rows": 1}, {"piece": 1}, {"rows": 2, "keep": False})
    for way in ways:
        with cut(**way):
            file = opened(rows)
            assert types(file) == {"a": "bigint +", "l": "text +"}
            first, *_, last = records(file)
        assert first == {
            "a": None,
            "a__v_text": '{"b": 1}',
            "l": None,
            "l__v_text": '[{"c": 1.5}]',
        }
        assert last == {"a": 5, "l": "x"}


def test_digits_stay_as_they_are_in_the_file(opened: Any) -> None:
    file = opened('[{"a":1.10,"t":1.10},{"a":-0.00,"t":1E2},{"a":7,"t":"x"},{"t":-0},{"t":12}]')
    assert [str(row["a"]) for row in records(file) if "a" in row] == ["1.10", "-0.00", "7"]
    assert isinstance(records(file)[0]["a"], Decimal)
    assert [row["t"] for row in records(file)] == ["1.10", "1E2", "x", "-0", "12"]


def test_the_collector_of_cycles_is_left_as_it_was() -> None:
    @makes_no_cycles
    def fail() -> None:
        assert not gc.isenabled()
        raise KeyError

    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            with pytest.raises(KeyError):
                fail()
            assert gc.isenabled() == enabled
        finally:
            gc.enable()
