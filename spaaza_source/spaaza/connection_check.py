"""Checks that the settings reach Spaaza, before a load and for `spaaza check`.

Reads one page of the task list; creates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import dlt

from spaaza_source.configuration import with_settings
from spaaza_source.errors import CredentialsError
from spaaza_source.spaaza.credentials import SpaazaCredentials, require_chain, require_credentials
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from spaaza_source.transport import check_connection, parse_base_url


@with_settings("spaaza")
def check_access(
    base_url: str = dlt.config.value,
    chain_id: int = dlt.config.value,
    credentials: SpaazaCredentials = dlt.secrets.value,
) -> Iterator[str]:
    """Check each setting; yields a line for each that works. Settings as for `spaaza_source`.

    Raises:
        SettingsError: A setting does not work.
        UnavailableError: The host answers but fails.
    """
    return _checks(base_url, chain_id, credentials)


def _checks(base_url: str, chain_id: int, credentials: SpaazaCredentials) -> Iterator[str]:
    address = parse_base_url(base_url)
    chain = require_chain(chain_id)
    api = TasksApi(make_client(address, chain, require_credentials(credentials)))
    tasks, lines = check_connection(address, lambda: api.list_tasks(limit=10))
    yield from lines
    chains = {str(task["chain"]) for task in tasks if task.get("chain") is not None}
    if chains - {str(chain)}:
        raise CredentialsError(
            f"these credentials see the tasks of chain {', '.join(sorted(chains))}, not {chain}",
            where="chain_id",
            hint="Correct chain_id, or use that chain's credentials. Of several chains each has"
            " its own: SOURCES__SPAAZA__CHAIN_<id>__CREDENTIALS__….",
        )
    if chains:
        yield f"chain:       {chain} ({len(tasks)} recent tasks seen)"
    else:
        yield f"chain:       {chain}, not confirmed: it has no tasks yet"
