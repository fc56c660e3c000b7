"""Settings of dlt that suit a destination, and the form of files in a load package.

dlt compresses them as for a long way. To a DuckDB file there is none, and what PostgreSQL gets has
been unpacked before it is sent.
"""

from __future__ import annotations

from typing import Any

import dlt

from spaaza_source.destination.lake_connections import DUCKLAKE
from spaaza_source.destination.resolved_once import DUCKDB

_WRITER, _LOAD = "data_writer", "load"
#: dlt's settings that leave out compression: of Parquet, and of all other files.
_PLAIN: dict[tuple[str, str], Any] = {
    (_WRITER, "compression"): "none",
    (_WRITER, "disable_compression"): True,
}
#: DuckDB spreads one copy over all cores; several at once only add up their buffers (six tables of
#: a million rows on two cores: 1 GB more, and no faster), and attach a lake once each.
_IN_TURN: dict[tuple[str, str], Any] = {(_LOAD, "parallelism_strategy"): "sequential"}
#: By dlt's name of a destination: the section, the name and the value of each setting.
_SETTINGS: dict[str, dict[tuple[str, str], Any]] = {
    # Parquet: read as fast either way, and written in three quarters of the time. Records of JSON
    # are also kept as JSON between two of dlt's steps.
    DUCKDB: {**_PLAIN, **_IN_TURN},
    # CSV, which dlt makes of Parquet before it loads: gzip takes most of that time.
    "dlt.destinations.postgres": _PLAIN,
    # DuckDB writes files of its own from those in the package.
    DUCKLAKE: {**_PLAIN, **_IN_TURN},
}
_ALL = {setting for settings in _SETTINGS.values() for setting in settings}
#: By section: where a user may have set it for all pipelines.
_USERS = {
    _WRITER: (_WRITER, f"sources.{_WRITER}", f"normalize.{_WRITER}"),
    _LOAD: (_LOAD,),
}
#: Settings of a user that say the same as one here.
_SAME = {(_LOAD, "parallelism_strategy"): "workers"}
#: By dlt's name of a destination: the form of files of records.
_FOR_RECORDS = {DUCKDB: "parquet"}
#: What is set here: a pipeline's next destination may be another.
_SET: set[str] = set()


def prefer_settings(pipeline: Any) -> None:
    """Have dlt work in this process, for this pipeline, as suits its destination.

    What the user has set stays.

    Args:
        pipeline: A dlt pipeline, before it writes its first file.
    """
    suited = _SETTINGS.get(str(pipeline.destination.destination_type), {})
    for section, name in sorted(_ALL):
        key = f"{pipeline.pipeline_name}.{section}.{name}"
        if (section, name) in suited and not _is_users(pipeline.pipeline_name, section, name):
            dlt.config[key] = suited[section, name]
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


def _is_users(pipeline_name: str, section: str, name: str) -> bool:
    names = [name, *filter(None, [_SAME.get((section, name))])]
    keys = [
        f"{place}.{each}"
        for place in (pipeline_name + f".{section}", *_USERS[section])
        for each in names
    ]
    return any(key not in _SET and dlt.config.get(key) is not None for key in keys)
