"""Finds the files of an export's result: one, as documented, or several, in any likely form.

The vendor's guide says that a large result may be split, and shows no such result. So either every
URL in it is recognised as a file's, or none is: a file left out would be rows missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: The keys that the URLs may have, those of several files first.
NAMES = ("urls", "links", "url")


def find_urls(result: Any) -> list[str] | None:
    """The URL of each file of a result in the vendor's JSON, in their order.

    None at all where there is no result yet; None for a result of an unknown form.
    """
    urls = _find_in_known_form(result)
    if urls is None or set(_all_urls(result)) - set(urls):
        return None
    return list(dict.fromkeys(urls))


def _find_in_known_form(result: Any) -> list[str] | None:
    if result is None:
        return []
    if isinstance(result, str):
        return [result] if result.strip() else []
    if isinstance(result, list):
        parts = [_find_in_known_form(part) or [] for part in result]
        return [url for (url,) in parts] if all(len(part) == 1 for part in parts) else None
    if not isinstance(result, Mapping):
        return None
    named = [result[name] for name in NAMES if name in result]
    if not named and result:
        return None
    return _find_in_known_form(next(filter(None, named), None))


def _all_urls(result: Any) -> Iterator[str]:
    if isinstance(result, str):
        if "://" in result:
            yield result
    elif isinstance(result, Mapping | list):
        for part in result.values() if isinstance(result, Mapping) else result:
            yield from _all_urls(part)
