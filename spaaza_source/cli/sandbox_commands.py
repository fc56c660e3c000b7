"""What `spaaza demo` and `spaaza sandbox` do: generated exports, without an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from spaaza_source.cli.load import load_and_report
from spaaza_source.cli.output import ConsoleReport
from spaaza_source.cli.pipeline import locked_pipeline, require_own_tables
from spaaza_source.cli.target import Target
from spaaza_source.cli.vendors import VOUCHERIFY
from spaaza_source.errors import SettingsError
from spaaza_source.sandbox import (
    LIVE_DAYS,
    NEXT_DAY,
    Sandbox,
    SandboxSettings,
    live_settings,
)


def demo(*, db: Path, rows: int, seed: int, vendor: str, bulk_users: bool = False) -> None:
    """Load generated exports into DuckDB, from a sandbox inside this process."""
    report = ConsoleReport()
    target = replace(Target.of(vendor=vendor, db=db), pipeline=f"{vendor}_demo")
    if bulk_users:
        target = _with_streamed(target)
    settings = SandboxSettings(rows=rows, seed=seed, run_seconds=1.0).until_today
    with Sandbox(settings) as served:
        report.console.print(f"The sandbox serves the vendor's API at {served.base_url}.")
        source = target.source(
            base_url=served.base_url,
            poll_interval=0.5,
            max_concurrent_exports=len(target.tables),
            **(
                _sandbox_settings(served, vendor)
                | ({"credentials": served.session} if bulk_users else {})
            ),
        )
        with locked_pipeline(target, report.progress, abandon=True) as pipeline:
            require_own_tables(pipeline)
            load_and_report(pipeline, source, report, full_refresh=True)
    report.show_results()
    report.show_location(db, f"{target.dataset}.{target.tables[0]}")


def sandbox(*, port: int, rows: int, seed: int, run_seconds: float, live: bool) -> None:
    """Serve the vendors' APIs with generated data until Ctrl-C."""
    settings = SandboxSettings(rows=rows, seed=seed, port=port, run_seconds=run_seconds)
    served = Sandbox(live_settings(settings) if live else settings.until_today)
    try:
        served.start()
    except OSError as failure:
        raise SettingsError(
            f"port {port} cannot be used ({failure.strerror})",
            where="--port",
            hint="Choose another; 0 picks a free one.",
        ) from None
    _show_settings(served)
    if live:
        click.echo(f"Its clock runs for {LIVE_DAYS} days. To set it a day forward:\n")
        click.echo(f"  curl -X POST {served.base_url}{NEXT_DAY}\n")
    served.serve_forever()


def _with_streamed(target: Target) -> Target:
    """The target with what the vendor streams beside its exports."""
    if not target.vendor.streamed:
        raise SettingsError(
            f"{target.vendor.name} has no bulk users export",
            where="--bulk-users",
            hint="Leave it out.",
        )
    return replace(target, tables=[*target.tables, *target.vendor.streamed])


def _sandbox_settings(served: Sandbox, vendor: str) -> dict[str, Any]:
    """The credentials of a sandbox, and settings that spare its user the waiting."""
    if vendor == VOUCHERIFY.name:
        return {"credentials": served.voucherify_credentials}
    account = {"chain_id": served.chain_id, "credentials": served.credentials}
    return {**account, "start_margin": 0.0, "stagger": 0.0}


def _show_settings(served: Sandbox) -> None:
    """Print the commands that load from the sandbox in another terminal."""
    click.echo(f"Serving at {served.base_url}. To load from it, in another terminal:\n")
    _show_variables(
        "SPAAZA", served.credentials, base_url=served.base_url, chain_id=served.chain_id
    )
    click.echo("  spaaza load\n")
    session = ", ".join(f'"{name}": "{value}"' for name, value in served.session.items())
    click.echo("The bulk users export takes an admin session in the place of the token; in Python")
    click.echo(f"credentials={{{session}}}, in a shell:\n")
    prefix = "SOURCES__SPAAZA__CREDENTIALS__"
    unset = " ".join(f"-u {prefix}{name.upper()}" for name in served.credentials)
    given = " ".join(f"{prefix}{name.upper()}={value}" for name, value in served.session.items())
    click.echo(f"  env {unset} {given} spaaza load bulk_users\n")
    click.echo("It serves Voucherify too:\n")
    _show_variables("VOUCHERIFY", served.voucherify_credentials, base_url=served.base_url)
    click.echo("  spaaza load --vendor voucherify\n")


def _show_variables(vendor: str, credentials: Mapping[str, str], **settings: Any) -> None:
    settings |= {f"credentials__{name}": value for name, value in credentials.items()}
    for name, value in settings.items():
        click.echo(f"  export SOURCES__{vendor}__{name.upper()}={value}")
