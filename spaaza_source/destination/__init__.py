"""What dlt loads into: queries, capabilities, and the lock and staging dataset of a load."""

from spaaza_source.destination.capabilities import (
    can_count,
    current_merge_strategies,
    current_pipeline,
    in_own_thread,
    is_files,
    type_in_sql,
)
from spaaza_source.destination.connection import check_configuration, check_connection
from spaaza_source.destination.delta import DELTA, open_session, quote_name
from spaaza_source.destination.dlt_settings import find_record_format, prefer_settings
from spaaza_source.destination.drivers import check_table_format, check_times
from spaaza_source.destination.lake_connections import keep_attached
from spaaza_source.destination.limits import (
    check_columns,
    check_record_width,
    check_row_width,
)
from spaaza_source.destination.load_lock import hold_load_lock
from spaaza_source.destination.query import (
    AskLater,
    ask,
    can_hash,
    completed_loads,
    fetch_chunks,
    fetch_number,
    keep_open,
    open_client,
    quote_in_scope,
    read_table,
    update_rows,
    valid_rows,
    window_condition,
    window_scope,
)
from spaaza_source.destination.refused_rows import hide_values, values_hidden
from spaaza_source.destination.resolved_once import resolved_once
from spaaza_source.destination.staging import (
    create_staging,
    drop_leftover_staging,
    drop_own_staging,
    list_own_staging,
    pipeline_staging,
    with_own_staging,
)
from spaaza_source.destination.turn import no_turn, turn_timeout
from spaaza_source.destination.widen import widen_column

__all__ = [
    "DELTA",
    "AskLater",
    "ask",
    "can_count",
    "can_hash",
    "check_columns",
    "check_configuration",
    "check_connection",
    "check_record_width",
    "check_row_width",
    "check_table_format",
    "check_times",
    "completed_loads",
    "create_staging",
    "current_merge_strategies",
    "current_pipeline",
    "drop_leftover_staging",
    "drop_own_staging",
    "fetch_chunks",
    "fetch_number",
    "find_record_format",
    "hide_values",
    "hold_load_lock",
    "in_own_thread",
    "is_files",
    "keep_attached",
    "keep_open",
    "list_own_staging",
    "no_turn",
    "open_client",
    "open_session",
    "pipeline_staging",
    "prefer_settings",
    "quote_in_scope",
    "quote_name",
    "read_table",
    "resolved_once",
    "turn_timeout",
    "type_in_sql",
    "update_rows",
    "valid_rows",
    "values_hidden",
    "widen_column",
    "window_condition",
    "window_scope",
    "with_own_staging",
]
