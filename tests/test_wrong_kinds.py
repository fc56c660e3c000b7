"""An argument of a public function that is of another kind is an error of ours, with its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.backfill import Backfill
from spaaza_source.errors import SettingsError
from spaaza_source.expectations import Expectations
from spaaza_source.spaaza import chain_source, segments
from spaaza_source.tabular import convert_csv
from spaaza_source.voucherify import filters
from spaaza_source.warehouse import duckdb_file

SPAAZA: dict[str, Any] = {
    "base_url": "http://127.0.0.1:1",
    "chain_id": 1743,
    "credentials": {"access_token_id": "a", "access_token_secret": "b"},
}
VOUCHERIFY: dict[str, Any] = {"credentials": {"app_id": "a", "app_token": "b"}}


def spaaza(**given: Any) -> Any:
    return lambda: spaaza_source(**SPAAZA | given)


def voucherify(**given: Any) -> Any:
    return lambda: voucherify_source(**VOUCHERIFY | given)


def backfill(method: str, *arguments: Any, **changed: Any) -> Any:
    given: dict[str, Any] = {
        "source": partial(spaaza_source, **SPAAZA),
        "pipeline": "p",
        "destination": "duckdb",
        "dataset": "d",
    }
    return lambda: getattr(Backfill(**given | changed), method)(*arguments)


def calling(function: Any, *given: Any) -> Any:
    return partial(function, *given)


def plan_of(tables: Any) -> Any:
    return lambda: Backfill(partial(spaaza_source, **SPAAZA), "p", "duckdb", "d").plan(
        "2026-01-01", tables=tables
    )


PART = {"name": "n", "table": "users", "windows": [], "backfill": "b", "since": "2026-01-01"}
NO_PARTS: list[Any] = [None, 5, "x", [5], [{}], PART, [PART], [PART | {"again": 1}]]

NO_WAITING: list[Any] = [None, 5, {}, {"jobs": []}]

#: Neither texts nor lists.
OTHERS: list[Any] = [5, ["x"], {}, b"x"]
#: No columns.
COLUMNLESS: list[Any] = [5, {"id": 1}, [5], b"x"]
#: Rules of `expectations`, none of them right, and what is repeated of each.
RULES: list[tuple[str, Any, str]] = [
    *(("min_rows", each, str(each)) for each in ("5", -1, 1.5, True, [1])),
    ("max_rows", "many", "many"),
    *(("required_columns", each, str(each)) for each in ("id", 5, {"id": 1})),
    ("required_columns", [""], ""),
    ("required_columns", [5], "5"),
    ("not_null", [["id"]], "['id']"),
    ("not_null", [None], "None"),
    *(("unique_columns", each, "") for each in COLUMNLESS),
    ("unique_columns", "id", "'id'"),
    ("unique_columns", [[]], "is empty"),
    ("unique_columns", [["id", 5]], "'5'"),
    ("allowed_values", ["x"], "['x']"),
    ("allowed_values", {"a": "x"}, "no list of values"),
    ("allowed_values", {"a": []}, "no list of values"),
    ("allowed_values", {5: ["x"]}, "'5'"),
    ("allowed_values", {"a": [None]}, "is not all text, number"),
    *(("freshest", each, str(each)) for each in ("36", "soon", "-1h", -5, ["1h"], "1 year")),
    ("freshest", {"seen": "soon"}, "soon"),
    ("action", "tell", "tell"),
]
#: What is called, the argument's name, and what was given.
WRONG: list[tuple[Any, str, str]] = [
    *((calling(duckdb_file, each), "path", str(each)) for each in (5, b"x", ["x"], "", " ")),
    *(
        (calling(convert_csv, each, "b.parquet"), "csv_path", str(each))
        for each in (5, None, ["x"], b"a.csv", "")
    ),
    *(
        (calling(convert_csv, "a.csv", each), "parquet_path", str(each))
        for each in (5, None, ["x"], b"a", "", ".", "no/b.parquet")
    ),
    *((spaaza(keep_files=each), "keep_files", str(each)) for each in OTHERS),
    *((spaaza(from_files=each), "from_files", str(each)) for each in OTHERS),
    *((spaaza(files=each), "files", "") for each in (5, ["x"], "x", b"x")),
    (spaaza(files={5: "x"}), "files", "5"),
    *((spaaza(files={"users": each}), "files of users", str(each)) for each in (5, "", b"x")),
    *((spaaza(dialect=each), "dialect", str(each)) for each in (5, True, b"x", 1.5)),
    *((spaaza(start_date=each), "start_date", str(each)) for each in (5, ["x"], True)),
    (spaaza(segments={5: "x"}), "segments", "5"),
    (spaaza(time_columns={5: "x"}), "time_columns", "5"),
    (spaaza(time_columns={"users": 5}), "time_columns of users", "5"),
    (spaaza(time_columns={"users": ["a"]}), "time_columns of users", "['a']"),
    (spaaza(credentials=5), "credentials", ""),
    (spaaza(credentials={"access_token_id": "a", "access_token_secret": ["b"]}), "credentials", ""),
    (voucherify(credentials=5), "credentials", ""),
    *((voucherify(objects=each), "objects", str(each)) for each in (5, {"vouchers": 1})),
    (voucherify(objects=[5]), "", "5"),
    *((voucherify(campaign_id=each), "campaign_id", str(each)) for each in (5, ["c"], {5: 1})),
    *((spaaza(deletes=each), "deletes", str(each)) for each in (5, ["soft"], True)),
    *((spaaza(retain_days=each), "retain_days", str(each)) for each in (0, "soon", ["x"], True)),
    (spaaza(retain_days={"users": "x"}), "retain_days of users", "x"),
    (spaaza(retain_days={"user": 30}), "retain_days by table", "user"),
    (voucherify(retain_days={"orders": -5}), "retain_days of orders", "-5"),
    (spaaza(deletes={"user": "soft"}), "deletes by table", "user"),
    (spaaza(deletes={5: "soft"}), "deletes", "5"),
    (spaaza(deletes={"users": "sof"}), "deletes of users", "sof"),
    (voucherify(deletes={"orders": 5}), "deletes of orders", "5"),
    *((spaaza(expectations=each), "expectations", "") for each in (5, "users", ["users"])),
    (spaaza(expectations={5: {}}), "expectations", "5"),
    (spaaza(expectations={"user": {}}), "expectations", "user"),
    (spaaza(expectations={"users": {}, "Users": {}}), "expectations", "users"),
    (spaaza(expectations={"users": 5}), "expectations of users", "5"),
    (spaaza(expectations={"users": ["id"]}), "expectations of users", "['id']"),
    (spaaza(expectations={"users": {"min_row": 1}}), "expectations of users", "min_row"),
    (
        spaaza(expectations={"users": {"min_rows": 2, "max_rows": 1}}),
        "expectations of users",
        "min_rows is more than max_rows",
    ),
    (
        spaaza(expectations={"users": {"freshest": "1h"}}),
        "freshest in expectations of users",
        "no time of its own",
    ),
    *(
        (
            spaaza(expectations={"users": {rule: given}}),
            f"{rule} in expectations of users",
            typed,
        )
        for rule, given, typed in RULES
    ),
    *(
        (
            lambda rule=rule, given=given: Expectations(**{rule: given}),
            f"{rule} in expectations",
            typed,
        )
        for rule, given, typed in RULES
    ),
    *(
        (
            spaaza(
                expectations={"users": {rule: given}},
                privacy={"users": {"email": action}},
                privacy_secret="sixteen characters and more",
            ),
            f"{rule} in expectations of users",
            "privacy hides the cells of ",
        )
        for rule, given, action in (
            ("not_null", ["email"], "drop"),
            ("unique_columns", [["id", "Email"]], "drop"),
            ("allowed_values", {"email": ["x"]}, "hash"),
            ("freshest", {"email": "1h"}, "hash"),
        )
    ),
    (voucherify(expectations={"voucher": {}}), "expectations", "voucher"),
    (
        voucherify(expectations={"points_expirations": {"freshest": "1h"}}),
        "freshest in expectations of points_expirations",
        "no time of its own",
    ),
    *((calling(segments.date, each), "date", str(each)) for each in (None, 5, ["a"], "")),
    *((calling(segments.keyword, each), "keyword", str(each)) for each in (None, 5, ["a"], "")),
    *((calling(segments.all_of, each), "", str(each)) for each in (None, 5, ["a"])),
    *(
        (calling(segments.date("a").after, each), "a rule's date", str(each))
        for each in (None, 5, ["a"])
    ),
    *((calling(filters.where, each, "is"), "field", str(each)) for each in (None, 5, ["a"], "")),
    *((calling(filters.where, "a", each), "operator", str(each)) for each in (None, 5, ["a"], "")),
    *((calling(filters.all_of, each), "filters", "") for each in (None, 5, ["a"], {"a": 5})),
    *((calling(chain_source, each), "chain_id", str(each)) for each in (1.5, [1], "x")),
    *((backfill("plan", each), "start_date", str(each)) for each in (None, 5, ["x"])),
    *((backfill("plan", "2026-01-01", each), "end_date", str(each)) for each in (5, ["x"])),
    *((plan_of(each), "tables", str(each)) for each in (5, "users", {"users": 1}, [5])),
    *(
        (backfill(method, each), "parts", "")
        for method in (
            *("left", "begin", "reconcile", "submit"),
            *("begin_ready", "reconcile_ready"),
        )
        for each in NO_PARTS
    ),
    *(
        (backfill(method, each), "part", "")
        for method in ("load", "load_ready")
        for each in (None, 5, "x", {}, [PART], PART)
    ),
    *((backfill("watch", waiting), "waiting", "") for waiting in NO_WAITING),
    (backfill("left", [], pipeline=5), "pipeline", "5"),
    (backfill("left", [], dataset=5), "dataset", "5"),
    (backfill("left", [], source=5), "source", "5"),
]


@pytest.mark.parametrize(("call", "argument", "typed"), WRONG)
def test_a_wrong_kind_is_an_error_of_ours_with_the_arguments_name(
    call: Callable[[], Any], argument: str, typed: str
) -> None:
    Path("a.csv").write_text("id\n1\n", encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        call()
    assert str(refused.value).startswith(f"{argument}: " if argument else "")
    assert typed in str(refused.value)
    assert sorted(path.name for path in Path().iterdir()) == ["a.csv"]


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    for path in (tmp_path / "w.duckdb", str(tmp_path / "w.duckdb")):
        made: Any = duckdb_file(path)
        assert made.config_params["credentials"].database == str(tmp_path / "w.duckdb")
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n", encoding="utf-8")
    for given in (file, str(file)):
        assert convert_csv(given, f"{tmp_path}/b.parquet").rows == 1
    assert spaaza(keep_files=tmp_path)().resources
    assert spaaza(from_files=str(tmp_path))().resources
