"""Has dlt write instants into CSV in a tenth of the time.

What PostgreSQL is to load, dlt writes with pyarrow's CSV writer. This looks up a column's time zone
for each value anew, so instants take it nine tenths of a file's time. In UTC their texts are those
of times without a zone, and a Z.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, wraps
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.data_writers.writers import ArrowToCsvWriter

#: The only zone of which pyarrow writes Z; what it writes of another one is left to it.
_UTC = "UTC"


@cache
def write_instants_fast() -> None:
    """Have dlt write instants for PostgreSQL as texts, from now on in this process.

    They stand in quotes then, which COPY takes for the same; files for others stay as they are.
    """
    write_data = ArrowToCsvWriter.write_data

    @wraps(write_data)
    def write(self: ArrowToCsvWriter, items: Sequence[Any]) -> None:
        if getattr(self._caps, "sqlglot_dialect", None) == "postgres":
            items = [_spell_instants(item) for item in items]
        write_data(self, items)

    ArrowToCsvWriter.write_data = write  # type: ignore[method-assign]


def _spell_instants(item: Any) -> Any:
    """Rows with texts in place of instants: those that pyarrow would write."""
    if not isinstance(item, (pa.Table, pa.RecordBatch)):
        return item
    for index, column in enumerate(item.schema):
        if pa.types.is_timestamp(column.type) and column.type.tz == _UTC:
            without_zone = item.column(index).cast(pa.timestamp(column.type.unit))
            texts = pc.binary_join_element_wise(without_zone.cast(pa.string()), "Z", "")
            item = item.set_column(index, pa.field(column.name, pa.string()), texts)
    return item
