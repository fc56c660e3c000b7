"""Whether the settings reach Spaaza: asked before a load, and by `spaaza check`.

It reads one page of the task list; nothing is created.
"""

from __future__ import annotations

from collections.abc import Iterator

import dlt
from dlt.common.configuration import with_config
from dlt.common.configuration.specs import known_sections

from spaaza_source.errors import CredentialsError
from spaaza_source.spaaza.credentials import SpaazaCredentials, checked, checked_chain
from spaaza_source.spaaza.tasks_api import TasksApi, vendor_http
from spaaza_source.transport.connection_check import first_contact
from spaaza_source.transport.http_client import checked_base_url


@with_config(sections=(known_sections.SOURCES, "spaaza"))
def check_access(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
) -> Iterator[str]:
    """What works, one line at a time; the settings come as they come to `spaaza_source`.

    Raises:
        SettingsError: Something in the settings does not work; the lines before it do.
        UnavailableError: The host is there but fails.
    """
    return _checks(base_url, chain_id, credentials)


def _checks(base_url: str, chain_id: int, credentials: SpaazaCredentials) -> Iterator[str]:
    address = checked_base_url(base_url)
    chain = checked_chain(chain_id)
    api = TasksApi(vendor_http(address, chain, checked(credentials)))
    tasks, lines = first_contact(address, lambda: api.list_tasks(limit=10))
    yield from lines
    chains = {str(task["chain"]) for task in tasks if task.get("chain") is not None}
    if chains - {str(chain)}:
        raise CredentialsError(
            f"these credentials see the tasks of chain {', '.join(sorted(chains))}, not {chain}",
            where="chain_id",
            way_out="Correct chain_id, or take the credentials of that chain.",
        )
    if chains:
        yield f"chain:       {chain} ({len(tasks)} recent tasks seen)"
    else:
        yield f"chain:       {chain}, which has no tasks yet: its first export will prove it"
