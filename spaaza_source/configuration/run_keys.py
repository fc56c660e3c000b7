"""Tells keys that are meant for the settings of all runs, and that nobody reads.

dlt looks for them in one section alone: `SPAAZA_SOURCE__TURN_TIMEOUT`, in a file
`spaaza_source.turn_timeout`.
"""

from __future__ import annotations

from difflib import get_close_matches

from spaaza_source.configuration.given_keys import SOURCES, GivenKey
from spaaza_source.settings import OF_ALL_RUNS, OWN_STAGING, TURN_TIMEOUT

SETTINGS = (TURN_TIMEOUT, OWN_STAGING)
#: By all their words, whatever stands between them.
_PATHS = {f"{OF_ALL_RUNS}_{name}": (OF_ALL_RUNS, name) for name in SETTINGS}
#: From these likenesses on a name is taken for a setting's, and a whole key for one of ours.
LIKE_A_SETTING, LIKE_A_KEY = 0.72, 0.8


def find_wrong_of_all_runs(key: GivenKey, active: str | None) -> tuple[str, ...] | None:
    """The path that a key nobody reads is nearest to, empty for none; None if it is right.

    Args:
        key: Any key that is set.
        active: The name of the active pipeline, which may stand before keys of dlt's own.
    """
    head, *below = key.path
    if SOURCES in key.path[:2]:
        # Whoever knows the sources judges it.
        return None
    if head != OF_ALL_RUNS:
        # In another spelling, with other separators, or behind a pipeline's name.
        near = get_close_matches("_".join(key.path[-2:]).lower(), _PATHS, 1, LIKE_A_KEY)
        return _PATHS[near[0]] if near else None
    if len(below) == 1 and below[0] in SETTINGS:
        return None if key.is_found else key.path
    near = get_close_matches("_".join(below).lower(), SETTINGS, 1, LIKE_A_SETTING)
    if near:
        return (OF_ALL_RUNS, near[0])
    # A pipeline may have that name: its keys of several sections are dlt's.
    return () if len(below) < 2 and head != active else None  # noqa: PLR2004
