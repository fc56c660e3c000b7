"""What `spaaza probe` does: asks the vendor what no document says, and writes the profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click
import dlt
from rich.console import Console

from spaaza_source.cli.output import make_console
from spaaza_source.configuration import (
    FOUND,
    NUMBERED,
    SECTION,
    find_override,
    is_of_host,
    profile_path,
    read_profile,
    with_settings,
    without_profile,
    write_profile,
)
from spaaza_source.errors import SettingsError
from spaaza_source.exports import PollSettings
from spaaza_source.probe import (
    MOST_SEARCHES,
    answer_questions,
    connect,
    describe_answers,
    describe_tasks,
    settings_of,
)
from spaaza_source.spaaza import TasksApi, check_chain, read_chains
from spaaza_source.windows import iso

INDENT = 13 * " "


def probe(*, yes: bool, chain: int | None) -> None:
    """Create a few small tasks, and write what they tell into the vendor profile."""
    console = make_console()
    api, number, poll = _connect(chain)
    tasks = describe_tasks()
    host = api.http.base_url
    console.print(
        f"Up to {len(tasks)} small tasks are created at {host}, chain {number};"
        f" the last {MOST_SEARCHES} only where the date filter does not mean UTC:\n"
    )
    for task in tasks:
        console.print(f"  {task}", highlight=False)
    if not yes and not _agree():
        console.print("\nNothing was created.")
        return
    answers = answer_questions(api, number, poll)
    found = {
        "chain": number,
        "host": host,
        "at": iso(datetime.now(UTC).replace(microsecond=0)),
        **describe_answers(answers),
    }
    settings = settings_of(answers)
    path = write_profile(settings, found)
    console.print()
    for question, answer in found.items():
        _print(console, question, answer)
    console.print(
        f"\nWritten to {path}, which every load from this host reads. It sets:", highlight=False
    )
    _show_settings(console, settings, chain)


def show_profile(console: Console, chain: int | None) -> None:
    """Print what the vendor profile sets, where there is one, and what counts before it.

    Args:
        console: Where to.
        chain: The chain, of several; None where there is one.
    """
    profile = read_profile()
    if profile is None:
        return
    found = profile.pop(FOUND, {})
    base_url, number = _place() if chain is None else check_chain(chain, _place)
    about = f"chain {found.get('chain')}, {found.get('at')}" if found else "written by hand"
    line = f"profile:     {profile_path()} ({about})"
    if not is_of_host(found, base_url):
        console.print(f"{line} is of another host, and not obeyed", highlight=False)
        return
    if found.get("chain") not in (None, number):
        line += f" was found out with another chain of this host than {number};"
    console.print(f"{line} sets", highlight=False)
    _show_settings(console, profile, chain)


def _connect(chain: int | None) -> tuple[TasksApi, int, PollSettings]:
    """The vendor to probe, by the settings of a chain, the chain, and how its tasks are awaited."""
    chains = read_chains(dlt.config.get(f"sources.{SECTION}.chain_id")) or []
    if chain is None and len(chains) > 1:
        raise SettingsError(
            f"chain_id names {len(chains)} chains, and one of them is enough to probe",
            where="spaaza probe",
            hint=f"Name one: spaaza probe --chain {chains[0]}. What is found holds for all of its"
            " host.",
        )
    chain = chain or next(iter(chains), None)
    with without_profile():
        return connect() if chain is None else check_chain(chain, connect)


@with_settings(SECTION)
def _place(base_url: str = dlt.config.value, chain_id: int = dlt.config.value) -> tuple[str, int]:
    return base_url, chain_id


def _show_settings(console: Console, settings: Mapping[str, Any], chain: int | None) -> None:
    """Print the settings of a profile, a line each."""
    source = SECTION if chain is None else f"{NUMBERED}{chain}"
    own = settings.get("sources", {}).get(SECTION, {})
    for name, value, setting in _each_setting(own):
        line = f"{INDENT}{name} = {_shorten(setting, value)}"
        override = find_override(setting, SECTION, source)
        if override is not None:
            key, other = override
            line += (
                f", which does not count: {key.typed} ({key.place}) says {_shorten(setting, other)}"
            )
        console.print(line, highlight=False)
    if not own:
        console.print(f"{INDENT}nothing: the defaults stay", highlight=False)


def _each_setting(own: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Each setting below a vendor's section: its name there, its value, and its name alone."""
    for name, value in own.items():
        if name.startswith(NUMBERED) and isinstance(value, Mapping):
            yield from ((f"{name}.{each}", given, each) for each, given in value.items())
        else:
            yield name, value, name


def _shorten(setting: str, value: Any) -> Any:
    # The rules of a segment may have a customer's values.
    return "..." if setting == "segments" else value


def _agree() -> bool:
    try:
        return click.confirm("\nCreate them?")
    except click.Abort:
        # What it stands for is told without it: it would count as Ctrl-C.
        error = SettingsError(
            "nobody can be asked whether the tasks may be created",
            where="spaaza probe",
            hint="Agree by --yes.",
        )
    raise error


def _print(console: Console, question: str, answer: Any) -> None:
    if isinstance(answer, dict):
        console.print(f"{question}:" if answer else f"{question}: none", highlight=False)
        for name, value in answer.items():
            text = ", ".join(value) if isinstance(value, list) else value
            console.print(f"  {name}: {text}", highlight=False)
    else:
        console.print(f"{question}: {answer}", highlight=False)
