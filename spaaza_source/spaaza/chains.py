"""Several chains: each has a source, a dataset and, where they differ, settings of its own.

An access token belongs to one chain (vendor document: Tasks API reference, "Permissions and
Authentication"), so credentials usually differ. What is set for all of them counts where a chain
has nothing of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from dlt.extract import DltSource

from spaaza_source.configuration import NUMBERED, with_settings
from spaaza_source.errors import SettingsError
from spaaza_source.spaaza.connection_check import check_access
from spaaza_source.spaaza.credentials import require_chain
from spaaza_source.spaaza.source import spaaza_source


def chain_source(chain: int, source: Any = spaaza_source) -> Callable[..., DltSource]:
    """The source of one of several chains; called like `spaaza_source`, without `chain_id`.

    Its settings are those under `sources.spaaza.chain_<id>`, else those under `sources.spaaza`.

    Args:
        chain: The chain's id.
        source: Another source of the same settings: `spaaza_bulk_users`.

    Raises:
        SettingsError: It is none.
    """
    number = require_chain(chain)
    return partial(source.clone(name=_name(number)), chain_id=number)


def check_chain(chain: int, check: Any = check_access, **given: Any) -> Any:
    """Call what checks or reads settings, as `check_access` does, with those of one of several.

    Args:
        chain: The chain's id.
        check: What is called; made by `with_settings`.
        **given: Its other arguments.
    """
    return with_settings("spaaza", _name(chain))(check.__wrapped__)(chain_id=chain, **given)


def read_chains(chain_id: Any) -> list[int] | None:
    """The chains of a setting that may be a list; None where it names a single one, or none.

    Args:
        chain_id: A list, or its text as the environment gives it: `[1743, 1744]` or `1743,1744`.

    Raises:
        SettingsError: One of them is no chain's id, or there is none.
    """
    if isinstance(chain_id, str) and re.search(r"[\[\],\s]", chain_id.strip()):
        chain_id = re.sub(r"[\[\],\s]+", " ", chain_id).split()
    if not isinstance(chain_id, Iterable) or isinstance(chain_id, str):
        return None
    chains = [require_chain(chain) for chain in chain_id]
    if not chains:
        raise SettingsError("the list names no chain", where="chain_id")
    return list(dict.fromkeys(chains))


def _name(chain: int) -> str:
    """The name of a chain's source, which is its section of the settings too."""
    return f"{NUMBERED}{chain}"
