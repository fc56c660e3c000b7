"""What a destination can do."""

from __future__ import annotations

from typing import Any

import dlt

from spaaza_source.destination.query import merge_strategies


def current_merge_strategies() -> list[str]:
    """The merge strategies that the destination has for the resource's table, its default first."""
    table_format: Any = dlt.current.resource().table_format
    return merge_strategies(dlt.current.pipeline(), table_format)
