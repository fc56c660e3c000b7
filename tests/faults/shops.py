"""A warehouse with one table in it, and the vendor whose next file of that table a test gives.

`brings` and `stops` say what a load must do, and look at all that it may have left: the table, the
tables beside it, files, and the cursor. What is wrong with a file is left to the tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from spaaza_source import spaaza_source, voucherify_source
from spaaza_source.errors import SpaazaSourceError, TooManyDeletionsError
from tests.faults.hosts import QUICK, TOKEN, BadDownloads, BadHost, leave_second, ours
from tests.faults.leaks import texts_of
from tests.vendors.server import CANARY, Answer
from tests.vendors.voucherify_files import KEYS
from tests.warehouses import pipeline_into, query

#: When a row was written that each load brings: within the lag.
AT = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
#: What a row of a file is for the error's place, and for nobody's eyes.
CELL = f"{CANARY}@example.com"


class Shop(ABC):
    """One table, loaded by time, so that it has a cursor."""

    #: In the warehouse, at the vendor, and the two columns that each file of it has here.
    TABLE: ClassVar[str]
    SUBJECT: ClassVar[str]
    HEADER: ClassVar[str]

    vendor: BadHost | BadDownloads

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begins: str | None = None

    @abstractmethod
    def source(self, **given: Any) -> DltSource:
        """What loads the table."""

    def give(self, file: bytes) -> None:
        """The file of the next exports."""
        self.vendor.give(**{self.SUBJECT: file})

    def load(self, file: bytes, **given: Any) -> None:
        self.give(file)
        pipeline_into(self.folder).run(self.source(**given))

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, but for those of dlt's own, and the list of what has failed."""
        path = self.folder / "warehouse.duckdb"
        if not path.exists():
            return {}
        with duckdb.connect(str(path), read_only=True) as warehouse:
            warehouse.execute("SET TimeZone = 'UTC'")
            names = warehouse.sql(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'loyalty'"
                " AND NOT starts_with(table_name, '_dlt_') AND table_name != 'failed_exports'"
                " ORDER BY 1"
            ).fetchall()
            return {
                name: sorted(warehouse.sql(f'FROM loyalty."{name}"').fetchall(), key=str)
                for (name,) in names
            }

    def brings(self, file: bytes, **given: Any) -> list[dict[str, Any]]:
        """The table's rows after a load that ends well, and leaves nothing behind."""
        self.load(file, **given)
        self._check_leftovers()
        return self.rows()

    def rows(self, table: str | None = None) -> list[dict[str, Any]]:
        """Of a table, in the file's order where it has its rows from one."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as warehouse:
            warehouse.execute("SET TimeZone = 'UTC'")
            found = warehouse.sql(f"FROM loyalty.{table or self.TABLE}")
            return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    def rejected(self) -> list[tuple[Any, ...]]:
        """Line, reason and bytes of every row that was kept apart."""
        return query(self.folder, "SELECT line_number, reason, raw FROM rejected_rows ORDER BY ALL")

    def changes(self) -> list[tuple[Any, ...]]:
        told = "SELECT change, column_name, previous_name FROM column_changes ORDER BY ALL"
        return query(self.folder, told)

    def loads(self) -> list[tuple[Any, ...]]:
        """Rows of the file, those rejected, and those loaded; of each export."""
        told = "SELECT rows, rejected, loaded FROM export_jobs ORDER BY len(job_id), job_id"
        return query(self.folder, told)

    def stops(
        self,
        file: bytes,
        error: type[SpaazaSourceError] | tuple[type[SpaazaSourceError], ...],
        *words: str,
        **given: Any,
    ) -> None:
        """A load of the file is refused in these words, and changes nothing."""
        before = self.everything()
        if self.begins is None:
            leave_second()
        with pytest.raises(PipelineStepFailed) as stopped:
            self.load(file, **given)
        found = ours(stopped.value)
        assert isinstance(found, error), found
        assert str(found).startswith(self.SUBJECT)
        for word in words:
            assert word in str(found), found
        assert ", job " in str(found) or isinstance(found, TooManyDeletionsError)
        assert CANARY not in texts_of(stopped.value)
        assert self.everything() == before
        self._check_told(found)
        self._check_leftovers()
        self.check_cursor()

    def _check_told(self, found: SpaazaSourceError) -> None:
        """The export is in the list of what has failed: by what, and with no more of it."""
        told = query(self.folder, "FROM failed_exports ORDER BY failed_at DESC LIMIT 1")
        assert type(found).__name__ in told[0]
        assert found.hint in told[0]
        assert CANARY not in str(told)

    def check_cursor(self) -> None:
        """The last load asked from where the one before it did, if that one failed."""
        asked = self.vendor.asked_from()
        assert asked != ""
        assert self.begins in (None, asked)
        self.begins = asked

    def _check_leftovers(self) -> None:
        pipeline = pipeline_into(self.folder)
        assert not pipeline.has_pending_data
        downloads = Path(pipeline.working_dir) / "exports"
        assert not downloads.exists() or list(downloads.iterdir()) == []


class SpaazaShop(Shop):
    TABLE = SUBJECT = "transactions"
    HEADER = "id,timestamp"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vendor = BadHost(self.SUBJECT)

    def source(self, **given: Any) -> DltSource:
        settings: dict[str, Any] = {**QUICK, "max_age": 0, **given}
        return spaaza_source(self.vendor.base_url, 1743, TOKEN, **settings).with_resources(
            self.TABLE
        )


class VoucherifyShop(Shop):
    """Its columns are named by the fields that are asked for, as far as the labels prove them."""

    TABLE, SUBJECT = "publications", "publication"
    HEADER = "Voucher Code,Date"
    FIELDS = ("voucher_code", "date")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vendor = BadDownloads(self.SUBJECT)

    def give(self, file: bytes) -> None:
        # Whatever it is, UTF-8 or not.
        super().give(b"")
        self.vendor.host = lambda _seen, _whole: Answer(200, file)

    def source(self, **given: Any) -> DltSource:
        fields = {self.TABLE: list(given.pop("fields", self.FIELDS))}
        settings: dict[str, Any] = {"poll_interval": 0, "max_age": 0, "fields": fields, **given}
        return voucherify_source(self.vendor.base_url, KEYS, objects=[self.TABLE], **settings)
