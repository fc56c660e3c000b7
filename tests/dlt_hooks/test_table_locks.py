"""dlt's merges begin with a lock on the tables that they change, where the database has one."""

from __future__ import annotations

from typing import Any

import dlt
import pytest
from dlt.common.schema.utils import get_nested_tables
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from spaaza_source.dlt_hooks.install import install_hooks
from spaaza_source.writing import FORMAT

URL = "postgresql://loader:canary-9f31@127.0.0.1:1/loyalty"


@pytest.fixture(autouse=True)
def installed() -> None:
    install_hooks()


def first_statement(kind: str, *names: str, strategy: str, **hints: Any) -> str:
    """Of the merge of a table, and of those nested in it."""
    schema = dlt.Schema("shop")
    columns: Any = {
        "id": {"name": "id", "data_type": "text", "primary_key": True},
        "_dlt_id": {"name": "_dlt_id", "data_type": "text", "row_key": True},
    }
    nested: Any = {
        "_dlt_id": {"name": "_dlt_id", "data_type": "text", "row_key": True},
        "_dlt_root_id": {"name": "_dlt_root_id", "data_type": "text", "root_key": True},
    }
    table: Any = {"name": names[0], "columns": columns, "write_disposition": "merge", **hints}
    table["x-merge-strategy"] = strategy
    schema.update_table(table)
    for name in names[1:]:
        schema.update_table({"name": name, "parent": names[0], "columns": nested})
    destination: Any = getattr(dlt.destinations, kind)(URL)
    config = destination.spec()._bind_dataset_name("loyalty")
    client = destination.client(schema, config)
    chain = [
        client.prepare_load_table(each["name"])
        for each in get_nested_tables(schema.tables, names[0])
    ]
    return str(SqlMergeFollowupJob.generate_sql(chain, client.sql_client)[0])


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "cdc"])
def test_a_table_is_locked_before_those_nested_in_it(strategy: str) -> None:
    first = first_statement(
        "postgres", "vouchers", "vouchers__a", strategy=strategy, **{FORMAT: "json"}
    )
    assert first == (
        'LOCK TABLE "loyalty"."vouchers", "loyalty"."vouchers__a" IN SHARE ROW EXCLUSIVE MODE'
    )


def test_the_tables_of_audit_are_locked_too() -> None:
    first = first_statement("postgres", "export_jobs", strategy="delete-insert")
    assert first == 'LOCK TABLE "loyalty"."export_jobs" IN SHARE ROW EXCLUSIVE MODE'


def test_redshift_has_one_kind_of_lock() -> None:
    first = first_statement("redshift", "users", strategy="delete-insert", **{FORMAT: "csv"})
    assert first == 'LOCK TABLE "loyalty"."users"'


def test_tables_of_other_pipelines_are_left_alone() -> None:
    assert first_statement("postgres", "users", strategy="delete-insert").startswith("DELETE")
