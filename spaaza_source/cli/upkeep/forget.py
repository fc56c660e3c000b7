"""What `spaaza forget` does: shows what would be erased of some people, asks, and erases it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from dlt.common.runtime.collector import NULL_COLLECTOR
from rich.console import Console

from spaaza_source.cli.output import make_console, print_chain, print_line, print_rows
from spaaza_source.cli.pipeline import locked_pipeline
from spaaza_source.cli.target import Target
from spaaza_source.erasure import (
    Erasure,
    ErasurePlan,
    Link,
    Receipt,
    Wanted,
    check_pipeline,
    parse_links,
)
from spaaza_source.errors import SettingsError
from spaaza_source.loading import TableLoad, loads_of, restore_from_destination

_LINE_END = re.compile(r"\r\n|\r|\n")
#: What becomes of the rows that a link finds.
_EFFECTS = {"row": "rows are deleted", "cell": "cells are emptied"}


def forget(
    *,
    table: str,
    given: Sequence[str],
    keys_file: Path | None,
    added: Sequence[str],
    left_out: Sequence[str],
    rejected: str,
    kept_files: Sequence[Path],
    yes: bool,
    **options: Any,
) -> None:
    """Erase some people, and keep them out of later loads."""
    keys = _read_keys(given, keys_file)
    console = make_console()
    complete = True
    for target in Target.each(tables=(), start_date=None, end_date=None, **options):
        if target.chain is not None:
            print_chain(console, target.chain)
        loads = loads_of(target.source())
        people = next(iter(loads.values())).people
        name = target.vendor.find_table(table).table
        if name not in people.tables:
            raise SettingsError(
                f"the rows of {name} are no people",
                where="spaaza forget",
                hint=f"Name a table of people: {' or '.join(people.tables)}.",
            )
        wanted = Wanted(
            name,
            keys,
            parse_links(added, left_out, people),
            rejected == "all",
            [*kept_files, *_configured(target)],
        )
        complete &= _forget_there(console, target, loads, wanted, yes=yes)
    if not complete:
        raise click.exceptions.Exit(1)


def _forget_there(
    console: Console,
    target: Target,
    loads: Mapping[str, TableLoad],
    wanted: Wanted,
    *,
    yes: bool,
) -> bool:
    """Erase the people from one dataset; returns whether nothing failed."""
    if not target.exists:
        raise SettingsError(
            "there is no such file", where=str(target.db), hint="Name the file with --db."
        )
    with locked_pipeline(target, NULL_COLLECTOR) as pipeline:
        check_pipeline(pipeline)
        restore_from_destination(pipeline, target.vendor.name)
        erasure = Erasure(pipeline, loads, wanted)
        _show_plan(console, erasure.plan(), wanted)
        if not yes and not _agree():
            console.print("\nNothing was erased.")
            return True
        receipt = erasure.carry_out()
    _show_receipt(console, receipt)
    return not receipt.failed


def _read_keys(given: Sequence[str], keys_file: Path | None) -> frozenset[str]:
    if not all(map(str.strip, given)):
        # From a variable that is not set: that person would be thought forgotten.
        raise SettingsError(
            "a key is empty",
            where="--key",
            hint="Name each person by a --key of its own, and leave out one without a text.",
        )
    lines = [] if keys_file is None else _LINE_END.split(_read_text(keys_file))
    keys = frozenset(key for text in (*given, *lines) if (key := text.strip()))
    if not keys:
        raise SettingsError(
            "no key is given", where="--key", hint="Give the key of a person, or a file: --keys."
        )
    return keys


def _read_text(keys_file: Path) -> str:
    try:
        return keys_file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        # What the error tells is of the file.
        raise SettingsError(
            f"{keys_file.name} is not in UTF-8", where="--keys", hint="Save it as UTF-8."
        ) from None


def _configured(target: Target) -> list[Path]:
    """The folder that the setting `keep_files` names, if it is there."""
    resources = target.source().resources.values()
    folders = {each.explicit_args.get("keep_files") for each in resources}
    return [folder for folder in folders if isinstance(folder, Path) and folder.is_dir()]


def _show_plan(console: Console, plan: ErasurePlan, wanted: Wanted) -> None:
    many = len(wanted.keys)
    people = f"the {many} keys have" if many > 1 else "the key has"
    console.print(f"{plan.found} of {many} found in {wanted.table}; in the dataset {people}:\n")
    found = [link for link in plan.links if link.rows]
    if found:
        rows = [_describe(link) for link in found]
        print_rows(console, ("table", "column", "holds", ">rows", "what happens"), rows, lead=2)
    else:
        console.print("no row")
    console.print()
    if plan.nested:
        print_line(console, f"With their rows go those of {', '.join(plan.nested)}.")
    for identifier, values in plan.shared.items():
        print_line(
            console, f"Not followed, as others have it too: {identifier} ({values} of them)."
        )
    if plan.rejected:
        print_line(console, f"rejected_rows: {plan.rejected} rows are deleted.")
    for folder in wanted.kept_files:
        print_line(console, f"Archived files under {folder} are rewritten without them.")
    unused = [f"{link.table}.{link.column}" for link in plan.links if not link.rows]
    if unused:
        print_line(console, f"No row is found by {', '.join(unused)}.")
    print_line(console, "Later loads leave these people out. None of this can be undone.")


def _describe(link: Link) -> tuple[str, ...]:
    return (
        link.table,
        link.column,
        link.identifier,
        f"{link.rows:,}",
        _EFFECTS[link.effect],
    )


def _agree() -> bool:
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise SettingsError(
            "nobody can be asked whether to erase this",
            where="spaaza forget",
            hint="Read what would be removed, then run it again with --yes.",
        )
    return click.confirm("Erase all of this?")


def _show_receipt(console: Console, receipt: Receipt) -> None:
    console.print()
    for table, rows in receipt.removed.items():
        print_line(console, f"{table}: {rows:,} rows deleted")
    for column, cells in receipt.emptied.items():
        print_line(console, f"{column}: {cells:,} cells emptied")
    done = {
        "rows of rejected_rows deleted": receipt.rejected,
        "archived files rewritten": receipt.files,
        "load packages removed": receipt.packages,
    }
    for what, number in done.items():
        print_line(console, f"{number:,} {what}")
    for text in receipt.left:
        print_line(console, f"left to you: {text}")
    for text in receipt.failed:
        print_line(console, f"FAILED: {text}")
    print_line(console, "A row of the table erasures says so.")
