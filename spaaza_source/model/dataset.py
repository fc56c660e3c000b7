"""The dataset that a model is of: its loaded tables, and the schema beside it that the model is in.

The model is made where its SQL has been tried: in DuckDB, DuckLake and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from spaaza_source.destination import open_client
from spaaza_source.errors import SettingsError
from spaaza_source.views import can_have_views, is_postgres, literal, quote

SUFFIX = "_model"
#: dlt ends a row's validity with this column, in a table with history.
_VALID_TO = "_dlt_valid_to"


@dataclass(frozen=True)
class Dataset:
    """A dataset, and a client that reads and writes in it.

    Attributes:
        client: dlt's SQL client.
        tables: By name: the type of each column.
        is_postgres: Whether it is one of PostgreSQL.
    """

    client: Any
    tables: dict[str, dict[str, str]]
    is_postgres: bool

    @property
    def name(self) -> str:
        """The name of the dataset's schema."""
        return str(self.client.dataset_name)

    @property
    def model_name(self) -> str:
        """The name of the model's schema."""
        return f"{self.name}{SUFFIX}"

    def loaded(self, table: str) -> str:
        """A loaded table's name in SQL."""
        return f"{quote(self.name)}.{quote(table)}"

    def valid(self, table: str) -> str:
        """The condition of the rows of a loaded table that are valid now, behind a space."""
        return f" WHERE {quote(_VALID_TO)} IS NULL" if _VALID_TO in self.tables[table] else ""

    def modelled(self, view: str) -> str:
        """The name in SQL of a view or table of the model."""
        return f"{quote(self.model_name)}.{quote(view)}"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in self.client.execute_sql(sql) or ()]

    def has(self, table: str) -> bool:
        """Whether the model's schema has a table or view of that name."""
        return bool(
            self.rows(
                "SELECT 1 FROM information_schema.tables"
                f" WHERE table_schema = {literal(self.model_name)}"
                f" AND table_name = {literal(table)} AND table_catalog = current_database()"
            )
        )


def can_model(pipeline: Any) -> bool:
    """Whether a model can be made in a pipeline's destination."""
    return can_have_views(pipeline)


@contextmanager
def open_dataset(pipeline: Any) -> Iterator[Dataset]:
    """The dataset of a pipeline.

    Raises:
        SettingsError: The model has not been tried in that destination.
    """
    kind = str(pipeline.destination.destination_type)
    if not can_model(pipeline):
        raise SettingsError(
            f"no model is made in {kind.rpartition('.')[2]}: its SQL has been tried in DuckDB,"
            " DuckLake and PostgreSQL alone",
            where="destination",
        )
    with open_client(pipeline) as client:
        found = client.execute_sql(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = {literal(str(client.dataset_name))}"
            " AND table_catalog = current_database() ORDER BY table_name, ordinal_position"
        )
        tables: dict[str, dict[str, str]] = {}
        for table, column, its in found or ():
            tables.setdefault(str(table), {})[str(column)] = str(its)
        yield Dataset(client, tables, is_postgres(pipeline))
