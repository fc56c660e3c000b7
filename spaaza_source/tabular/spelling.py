"""Spells a header as a column name, by dlt's naming convention without outer punctuation."""

from __future__ import annotations

from collections.abc import Callable

from dlt.common.normalizers.naming.snake_case import NamingConvention

_snake_case = NamingConvention().normalize_identifier

#: Punctuation to strip. dlt spells it as an `x` at the end, so that `email (username)` would become
#: `email_usernamex`. Signs that can mean something (`+ - % # @ *`) are left to dlt.
CLOSING = " \t)]}>?!.:;,'\"`"
OPENING = " \t([{<'\"`"


def make_speller(normalize: Callable[[str], str] = _snake_case) -> Callable[[str], str]:
    """Make a function that spells headers by a naming convention, without outer punctuation.

    Args:
        normalize: A dlt naming convention's `normalize_identifier`, snake case unless given.
    """

    def spell(header: str) -> str:
        bare = header.rstrip(CLOSING).lstrip(OPENING)
        return normalize(bare or header)

    return spell
