"""Spaaza: its Tasks API and its bulk users export as dlt sources.

`segments` is a module of its own for users: it builds the filters of the setting `segments`. So is
`chains`, for those who load several.
"""

from spaaza_source.spaaza.bulk_users import check_bulk_users, open_bulk_users, spaaza_bulk_users
from spaaza_source.spaaza.chains import chain_source, check_chain, read_chains
from spaaza_source.spaaza.columns.documented_types import DOCUMENTED
from spaaza_source.spaaza.connection_check import check_access
from spaaza_source.spaaza.credentials import SpaazaCredentials, require_chain, require_credentials
from spaaza_source.spaaza.export_service import SpaazaExports
from spaaza_source.spaaza.foreign_tasks import (
    ForeignTask,
    TaskSettings,
    list_recurring,
    read_task,
)
from spaaza_source.spaaza.indexes import BULK_USERS, INDEXES, find_table
from spaaza_source.spaaza.segments import filter_text
from spaaza_source.spaaza.source import spaaza_source
from spaaza_source.spaaza.task_body import TaskOfBody
from spaaza_source.spaaza.tasks_api import TasksApi, make_client

__all__ = [
    "BULK_USERS",
    "DOCUMENTED",
    "INDEXES",
    "ForeignTask",
    "SpaazaCredentials",
    "SpaazaExports",
    "TaskOfBody",
    "TaskSettings",
    "TasksApi",
    "chain_source",
    "check_access",
    "check_bulk_users",
    "check_chain",
    "filter_text",
    "find_table",
    "list_recurring",
    "make_client",
    "open_bulk_users",
    "read_chains",
    "read_task",
    "require_chain",
    "require_credentials",
    "spaaza_bulk_users",
    "spaaza_source",
]
