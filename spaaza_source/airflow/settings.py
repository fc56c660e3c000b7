"""What a DAG, its workers and the triggerer know of a backfill: plain values, and no secret."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, TypedDict

from spaaza_source.errors import SettingsError

if TYPE_CHECKING:
    from spaaza_source.backfill import Backfill

#: dlt would look up thousands of settings as Airflow variables: let it read whole sections only,
#: such as the variable dlt_secrets_toml.
ONLY_SECTIONS = "PROVIDERS__AIRFLOW_SECRETS__ONLY_TOML_FRAGMENTS"


class BackfillSettings(TypedDict):
    """How a range of history is loaded, and where to; credentials are in dlt's configuration.

    Attributes:
        source: Where the function is that makes the source: `spaaza_source.spaaza_source`. A
            function of your own is in a package that workers and triggerer can import.
        pipeline: The pipeline's name.
        destination: The name that dlt's configuration has for the destination.
        dataset: The schema that holds the tables.
    """

    source: str
    pipeline: str
    destination: str
    dataset: str


def open_backfill(settings: BackfillSettings) -> Backfill:
    """The backfill that settings tell of; dlt is imported here, for Airflow parses DAGs often.

    Raises:
        SettingsError: A setting is missing, or there is no such function.
    """
    os.environ.setdefault(ONLY_SECTIONS, "true")
    from spaaza_source.backfill import Backfill  # noqa: PLC0415

    missing = sorted(BackfillSettings.__required_keys__ - settings.keys())
    if missing:
        raise SettingsError(
            f"the settings of the backfill lack {', '.join(missing)}",
            where="settings",
            hint="Write BackfillSettings(source=…, pipeline=…, destination=…, dataset=…).",
        )
    module, _, name = settings["source"].rpartition(".")
    try:
        source = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"there is no {settings['source']} ({type(error).__name__})",
            where="source",
            hint="Name a function of an installed package: spaaza_source.spaaza_source.",
        ) from None
    return Backfill(
        source,
        settings["pipeline"],
        settings["destination"],
        settings["dataset"],
        side_by_side=True,
    )


def table_uri(settings: BackfillSettings, table: str) -> str:
    """What Airflow knows a table by, as an asset: no host and no user is in it.

    Schemes that begin with `x-` are not taken for a known one, whose addresses have a fixed form.
    """
    return f"x-dlt://{settings['destination']}/{settings['dataset']}/{table}"
