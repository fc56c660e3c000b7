"""The files that an export's result names: one, as documented, or several, in any likely form.

The vendor's guide says that a large result may be split, and shows no such result. So every
address in it must be understood as a file's, or none is: a part left out would be rows missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Under these names the addresses may stand; what names several comes before what names one.
NAMES = ("urls", "links", "url")


def addresses(result: Any) -> list[str] | None:
    """The address of each file, in their order.

    Args:
        result: As the vendor's JSON has it.

    Returns:
        No address where there is no result yet; None where it has a form nobody knows.
    """
    found = _found(result)
    if found is None or set(_all_addresses(result)) - set(found):
        return None
    return list(dict.fromkeys(found))


def _found(result: Any) -> list[str] | None:
    if result is None:
        return []
    if isinstance(result, str):
        return [result] if result.strip() else []
    if isinstance(result, list):
        parts = [_found(each) or [] for each in result]
        return [address for (address,) in parts] if all(len(part) == 1 for part in parts) else None
    if isinstance(result, Mapping):
        told = [result[name] for name in NAMES if name in result]
        if not told and result:
            return None
        return _found(next((each for each in told if each), None))
    return None


def _all_addresses(result: Any) -> Iterator[str]:
    if isinstance(result, str):
        if "://" in result:
            yield result
    elif isinstance(result, Mapping | list):
        for each in result.values() if isinstance(result, Mapping) else result:
            yield from _all_addresses(each)
