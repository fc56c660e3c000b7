"""Strips the text of a JSON file of forgotten people; numbers stay digit by digit as they were."""

from __future__ import annotations

import json
from typing import Any

from spaaza_source.tombstones.forgotten_rows import ForgottenRows


class _Number(str):
    """A number, as it is written."""

    __slots__ = ()


def strip_json(text: str, rows: ForgottenRows) -> str | None:
    """The text of a file without forgotten people; None where it has nothing of them.

    Args:
        text: A list of objects, an object with such a list, or an object on each line.
        rows: Tells the rows of forgotten people.
    """
    try:
        document = _parse(text)
    except ValueError:
        return _strip_lines(text, rows)
    if isinstance(document, dict) and not any(map(_has_objects, document.values())):
        document = [document]
    if isinstance(document, list):
        stripped: Any = _strip_list(document, rows)
    else:
        stripped = {
            key: _strip_list(value, rows) if _has_objects(value) else value
            for key, value in document.items()
        }
    return None if stripped == document else _written(stripped)


def _strip_lines(text: str, rows: ForgottenRows) -> str | None:
    lines = text.splitlines(keepends=True)
    kept = []
    for line in lines:
        try:
            record = _parse(line)
        except ValueError:
            # It is no JSON, and was rejected.
            kept += [] if rows.is_in_raw(line.encode(errors="surrogatepass")) else [line]
            continue
        stripped = _strip_list([record], rows)
        kept += [line] if stripped == [record] else [f"{_written(each)}\n" for each in stripped]
    if kept == lines:
        return None
    # A file without any byte would be taken for one that has not arrived.
    return "".join(kept) or "[]"


def _strip_list(values: list[Any], rows: ForgottenRows) -> list[Any]:
    return [
        each
        for value in values
        for each in (rows.apply_to_records([value]) if isinstance(value, dict) else [value])
    ]


def _has_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number)


def _written(value: Any) -> str:
    match value:
        case _Number():
            return str(value)
        case dict():
            members = (f"{json.dumps(key)}:{_written(member)}" for key, member in value.items())
            return f"{{{','.join(members)}}}"
        case list():
            return f"[{','.join(map(_written, value))}]"
    return json.dumps(value)
