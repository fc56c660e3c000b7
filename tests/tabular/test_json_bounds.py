"""Long texts, many keys, deep nesting and many rows of JSON, in bounded memory (FAULTS 35)."""

from __future__ import annotations

import functools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import MalformedFileError, TooManyRejectedRowsError
from spaaza_source.tabular import open_json, rejected, spool
from spaaza_source.tabular.json_reader import elements as json_elements
from spaaza_source.tabular.json_reader import file as json_file
from spaaza_source.tabular.json_reader import shape as json_shape
from tests.tabular.json_files import opened_json, records


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    return functools.partial(opened_json, tmp_path)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_text_of_ten_megabytes_and_five_thousand_keys_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    long = "é\n," * 2_500_000
    wide = {f"k{number}": number for number in range(5_000)}
    rows = [{"a": long}, *([wide] * 20)]
    path.write_text(json.dumps(rows, ensure_ascii=False))
    file = open_json(path)
    assert len(file.columns) == 5_001
    assert records(file) == rows


@pytest.mark.slow
@pytest.mark.thorough
def test_a_record_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_elements, "LONGEST_RECORD", 2**20)
    monkeypatch.setattr(json_elements, "BLOCK", 2**16)
    path = tmp_path / "long.json"
    long = json.dumps({"a": "x" * 3 * 2**20})
    for data in (f'[{{"a":1}},\n{long}]', f'{{"a":1}}\n{long}\n', f'{{"n":1,\n"data":[{long}]}}'):
        path.write_text(data)
        with pytest.raises(MalformedFileError, match=r"line 2.*longer than 1 MiB"):
            open_json(path)
    # The file itself may be one line of any length.
    rows = [{"i": number} for number in range(200_000)]
    path.write_text(json.dumps({"data": rows}))
    assert open_json(path).rows == 200_000


def test_nesting_has_a_limit_and_no_recursion_breaks(opened: Any) -> None:
    def nested(levels: int) -> str:
        return '{"a":' * levels + "1" + "}" * levels

    deepest = nested(100).replace("{", '{"b":[],', 1)
    file = opened(f"[{deepest}]")
    assert [column.name for column in file.columns] == ["__".join("a" * 100)]
    assert json.dumps(records(file)[0], separators=(",", ":")) == deepest
    for data in (
        f"[{nested(101)}]",
        f"[{nested(50_000)}]",
        "[" * 50_000,
        '[{"a":' + "[" * 200 + "1" + "]" * 200 + "}]",
        f'{{"i":1}}\n{nested(101)}\n',
        f'{{"i":1}}\n{nested(50_000)}\n',
    ):
        with pytest.raises(MalformedFileError, match="nest deeper than 100 levels"):
            opened(data)
    with pytest.raises(MalformedFileError):
        opened(nested(50_000))


@pytest.mark.parametrize("levels", [101, 2_000, 50_000])
def test_a_text_that_breaks_off_too_deep_is_told_by_its_depth(opened: Any, levels: int) -> None:
    """Whatever Python's own parser does at that depth, which its versions differ in."""
    for data in (
        "[" + '{"a":' * levels,
        '[{"i":1},' + '{"a":[' * levels + "x",
        '{"i":1}\n' + '{"a":' * levels + "\n",
    ):
        with pytest.raises(MalformedFileError, match="nest deeper than 100 levels"):
            opened(data)


def test_brackets_in_texts_and_side_by_side_are_no_depth(opened: Any) -> None:
    wide = '{"a": "' + r"\"[{" * 200 + '", "b": [' + "[{}]," * 200
    with pytest.raises(MalformedFileError, match="the file ends in the middle of a value"):
        opened(f"[{wide}")


def test_data_in_the_place_of_keys_stops_before_the_memory_is_full(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_shape, "MOST_PATHS", 50)
    rows = [{"id": number, "by_user": {f"u{number}": 1}} for number in range(60)]
    with pytest.raises(MalformedFileError, match=r"by_user: the objects have more than 50"):
        opened(rows)


def test_bad_rows_without_end_do_not_fill_the_memory(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "REJECTED_BYTES_KEPT", 2**20)
    with pytest.raises(TooManyRejectedRowsError, match="1 MiB"):
        opened([None] * 10_000, max_rejected_share=1)


@pytest.mark.slow
@pytest.mark.thorough
def test_records_come_in_batches_and_the_memory_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.json"
    row = json.dumps({"id": 1, "at": "2020-01-01 00:00:00", "items": [{"n": "1.5"}] * 5})

    def peak(rows: int) -> int:
        path.write_text("[" + ",".join([row] * rows) + "]")
        tracemalloc.start()
        file = open_json(path)
        assert sum(len(batch) for batch in file.records()) == rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    monkeypatch.setattr(json_file, "BATCH_ROWS", 500)
    monkeypatch.setattr(spool, "MOST_IN_MEMORY", 2**14)
    monkeypatch.setattr(json_elements, "BLOCK", 2**14)
    assert peak(8_000) < 1.2 * peak(2_000)
    assert {len(batch) for batch in open_json(path).records()} == {500}
    monkeypatch.setattr(json_file, "BATCH_CHARACTERS", 10 * len(row))
    assert max(len(batch) for batch in open_json(path).records()) == 11
