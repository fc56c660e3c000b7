"""What `spaaza probe` does: asks the vendor what no document says, and writes the profile."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click
from rich.console import Console

from spaaza_source.cli.output import make_console
from spaaza_source.configuration import FOUND, profile_path, read_profile, write_profile
from spaaza_source.errors import SettingsError
from spaaza_source.probe import (
    answer_questions,
    connect,
    describe_answers,
    describe_tasks,
    settings_of,
)
from spaaza_source.windows import iso


def probe(*, yes: bool) -> None:
    """Create a few small tasks, and write what they tell into the vendor profile."""
    console = make_console()
    api, chain, poll = connect()
    tasks = describe_tasks()
    host = api.http.base_url
    console.print(f"Up to {len(tasks)} small tasks are created at {host}, chain {chain}:\n")
    for task in tasks:
        console.print(f"  {task}", highlight=False)
    if not yes and not _agree():
        console.print("\nNothing was created.")
        return
    answers = answer_questions(api, chain, poll)
    found = {
        "chain": chain,
        "host": host,
        "at": iso(datetime.now(timezone.utc).replace(microsecond=0)),
        **describe_answers(answers),
    }
    settings = settings_of(answers)
    path = write_profile(settings, found)
    console.print()
    for question, answer in found.items():
        _print(console, question, answer)
    console.print(f"\nWritten to {path}, which every load reads. It sets:", highlight=False)
    show_settings(console, settings)


def show_profile(console: Console) -> None:
    """Print what the vendor profile sets, where there is one."""
    profile = read_profile()
    if profile is None:
        return
    found = profile.pop(FOUND, {})
    about = f"chain {found.get('chain')}, {found.get('at')}" if found else "written by hand"
    console.print(f"profile:     {profile_path()} ({about}) sets", highlight=False)
    show_settings(console, profile)


def show_settings(console: Console, settings: dict[str, Any]) -> None:
    """Print the settings of a profile, a line each."""
    own = settings.get("sources", {}).get("spaaza", {})
    for name, value in own.items():
        console.print(f"             {name} = {value}", highlight=False)
    if not own:
        console.print("             nothing: the defaults are right", highlight=False)


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
