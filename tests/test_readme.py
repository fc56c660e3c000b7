"""The README cannot drift: its commands, its settings and its links to the code are read here."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import spaaza_source
from spaaza_source import spaaza_source as source_function
from spaaza_source.cli import cli

ROOT = Path(spaaza_source.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def parameters() -> dict[str, Any]:
    function: Any = source_function
    return dict(inspect.signature(function).parameters)


def test_the_first_two_sh_blocks_are_one_line_each() -> None:
    commands = [text for kind, text in BLOCKS if kind == "sh"]
    assert [command.count("\n") for command in commands[:2]] == [1, 1]
    assert commands[0].rstrip().endswith("spaaza demo")
    assert "pytest" in commands[1]


def test_the_settings_table_is_the_signature() -> None:
    section = README.split("## Settings")[1].split("## Errors")[0]
    rows = re.findall(r"^\| (`.*?`(?:, `.*?`)*) \| .* \| (.*) \|$", section, re.MULTILINE)
    named = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(named) == set(parameters())
    for name, default in named.items():
        if re.fullmatch(r"[\d.]+", default):
            assert float(default) == parameters()[name].default


@pytest.mark.parametrize("code", [text for kind, text in BLOCKS if kind == "python"])
def test_every_python_block_is_valid_and_imports_what_is_there(code: str) -> None:
    compile(code, "README.md", "exec")
    imports = "\n".join(line for line in code.splitlines() if line.startswith(("import", "from")))
    exec(imports, {})  # noqa: S102 - the README's own words


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"\bspaaza (\w+)", " ".join(text for _, text in BLOCKS)))
    assert named <= set(cli.commands)
    assert set(cli.commands) <= set(re.findall(r"`?spaaza (\w+)", README))


def test_the_package_ships_its_types_and_its_command() -> None:
    assert (ROOT / "spaaza_source" / "py.typed").exists()
    ran = subprocess.run(
        [sys.executable, "-m", "spaaza_source.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0.1.0" in ran.stdout


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-dev.txt"])
def test_the_pinned_requirements_have_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / ".ci" / name).read_text(encoding="utf-8")
    pinned = re.findall(
        r"^[\w.\[\]-]+==\S+(?: ; [^\\\n]+)? \\\n    --hash=sha256:", text, re.MULTILINE
    )
    assert len(pinned) == len(re.findall(r"^[\w.\[\]-]+==", text, re.MULTILINE)) > 20
    assert "://" not in text
    assert "index" not in text
