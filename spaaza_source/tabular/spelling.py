"""How a header's text is spelled as a column's name; what a header may not hold is `header`'s."""

from __future__ import annotations

from collections.abc import Callable

from dlt.common.normalizers.naming.snake_case import NamingConvention

_snake_case = NamingConvention().normalize_identifier

#: Marks that only punctuate. dlt spells one at the end as an `x`, so that `email (username)` would
#: be `email_usernamex`; signs that can mean something (`+ - % # @ *`) are left to dlt.
CLOSING = " \t)]}>?!.:;,'\"`"
OPENING = " \t([{<'\"`"


def make_speller(normalize: Callable[[str], str] = _snake_case) -> Callable[[str], str]:
    """A naming convention that does not spell out the punctuation around a header.

    Args:
        normalize: dlt's: a naming convention's `normalize_identifier`, snake case unless given.
    """

    def spell(header: str) -> str:
        bare = header.rstrip(CLOSING).lstrip(OPENING)
        return normalize(bare or header)

    return spell
