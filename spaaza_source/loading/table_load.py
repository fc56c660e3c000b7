"""How one table is loaded: what is asked for, how its files are read, and its rows written."""

from __future__ import annotations

from dataclasses import dataclass

from spaaza_source.exports import TableSync
from spaaza_source.loading.reader import FileReader, ReadSettings
from spaaza_source.tabular import Policy
from spaaza_source.writing import WriteSettings


@dataclass(frozen=True)
class TableLoad:
    """How one table is loaded.

    Attributes:
        sync: What to bring of it.
        read_settings: How its files are read.
        privacy: What happens to personal columns.
        time_column: The column that windows are taken by, as the header has it; None where rows
            that changed are merged by a key.
        write_settings: How its rows are written.
    """

    sync: TableSync
    read_settings: ReadSettings
    privacy: Policy
    time_column: str | None
    write_settings: WriteSettings

    def reader(self) -> FileReader:
        """What opens its files."""
        return FileReader(self.read_settings, self.privacy, self.time_column)
