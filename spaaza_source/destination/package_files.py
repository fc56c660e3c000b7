"""The form of the files in a load package: the cheapest that the destination reads.

dlt compresses them as for a long way. To a DuckDB file there is none, and what PostgreSQL gets has
been unpacked before it is sent.
"""

from __future__ import annotations

from typing import Any

import dlt

#: dlt's settings that leave out compression: of Parquet, and of all other files.
_PLAIN: dict[str, Any] = {"compression": "none", "disable_compression": True}
#: By dlt's name of a destination: its settings that decide, and their values.
_CHEAP = {
    # Parquet: read as fast either way, and written in three quarters of the time. Records of JSON
    # are also kept as JSON between two of dlt's steps.
    "dlt.destinations.duckdb": _PLAIN,
    # CSV, which dlt makes of Parquet before it loads: gzip takes most of that time.
    "dlt.destinations.postgres": _PLAIN,
}
#: By dlt's name of a destination: the form of files of records.
_FOR_RECORDS = {"dlt.destinations.duckdb": "parquet"}
_SECTION = "data_writer"
#: Where a user may have set it for all pipelines.
_USERS = (_SECTION, f"sources.{_SECTION}", f"normalize.{_SECTION}")
#: What is set here: a pipeline's next destination may be another.
_SET: set[str] = set()


def prefer_cheap_files(pipeline: Any) -> None:
    """Have dlt leave out compression in this process, for this pipeline, where it is for nothing.

    What the user has set stays.

    Args:
        pipeline: A dlt pipeline, before it writes its first file.
    """
    cheap = _CHEAP.get(str(pipeline.destination.destination_type), {})
    for setting in _PLAIN:
        key = f"{pipeline.pipeline_name}.{_SECTION}.{setting}"
        if setting in cheap and not _is_users(setting, key):
            dlt.config[key] = cheap[setting]
            _SET.add(key)
        elif key in _SET:
            dlt.config[key] = None
            _SET.remove(key)


def find_record_format(pipeline: Any) -> str | None:
    """The form that a load package's files of records are to have; None for dlt's own choice.

    DuckDB reads Parquet. dlt would give it SQL with all values as texts, which takes it some ten
    times as long.
    """
    return _FOR_RECORDS.get(str(pipeline.destination.destination_type))


def _is_users(setting: str, key: str) -> bool:
    own = key not in _SET and dlt.config.get(key) is not None
    return own or any(dlt.config.get(f"{section}.{setting}") is not None for section in _USERS)
