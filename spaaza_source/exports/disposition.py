"""How a load's rows take the place of what the table holds: all of it, or a span of time.

Both are dlt's own write dispositions. A user's, set by `apply_hints`, is left as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dlt.common.schema.typing import TDeleteInsertStrategyDict, TWriteDispositionDict

from spaaza_source.exports.windows import Window, iso

#: What a resource is declared with: dicts, so that a user's own "replace" can be told from ours.
WHOLE: TWriteDispositionDict = {"disposition": "replace"}
BY_TIME: TDeleteInsertStrategyDict = {"disposition": "merge", "strategy": "delete-insert"}


def is_declared(disposition: Any) -> bool:
    """Whether it is ours still: as declared, or as an earlier load has made it of that."""
    return disposition in (WHOLE, BY_TIME) or (
        isinstance(disposition, dict) and "destination_scope" in disposition
    )


def disposition_for(reach: Window | None, column: str | None) -> Any:
    """All rows are the table; those of a span of time are that range of it.

    Args:
        reach: The span of time that was asked for.
        column: The column that it is taken by, as dlt names it.
    """
    if reach is None or reach.start is None or column is None:
        return WHOLE
    return {**BY_TIME, "destination_scope": _scope(column, reach.start, reach.end)}


def _scope(column: str, start: datetime, end: datetime) -> str:
    """The rows of the destination that a window's export replaces, as SQL.

    The column's name is dlt's, made of letters, digits and underscores, and it is qualified: so
    no database needs it quoted, and each folds its case as it folded it when it was created.
    """
    name = f"{{table}}.{column}"
    return f"{name} >= '{iso(start)}' AND {name} < '{iso(end)}'"
