"""The README cannot drift: its commands, its settings and its links to the code are read here."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spaaza_source
from spaaza_source import spaaza_source as source_function
from spaaza_source.cli.app import cli
from spaaza_source.sandbox import Sandbox, SandboxSettings

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


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(rows=30, run_seconds=0.02)) as served:
        yield served


def access_to(sandbox: Sandbox) -> dict[str, str]:
    """What a reader would have set."""
    given = {
        "SPAAZA__CHAIN_ID": str(sandbox.chain_id),
        "SPAAZA__START_MARGIN": "0",
        "SPAAZA__STAGGER": "0",
    }
    for vendor in ("SPAAZA", "VOUCHERIFY"):
        given |= {f"{vendor}__BASE_URL": sandbox.base_url, f"{vendor}__POLL_INTERVAL": "0.02"}
        given[f"{vendor}__MAX_CONCURRENT_EXPORTS"] = "20"
    credentials = {"SPAAZA": sandbox.credentials, "VOUCHERIFY": sandbox.voucherify_credentials}
    for vendor, keys in credentials.items():
        given |= {f"{vendor}__CREDENTIALS__{name.upper()}": key for name, key in keys.items()}
    return {f"SOURCES__{name}": value for name, value in given.items()}


def run(command: list[str], sandbox: Sandbox) -> None:
    ran = subprocess.run(
        command,
        env={
            **os.environ,
            **access_to(sandbox),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("code", [text for kind, text in BLOCKS if kind == "python"])
def test_every_python_block_runs(code: str, sandbox: Sandbox) -> None:
    run([sys.executable, "-c", code], sandbox)


def test_every_bash_block_runs(sandbox: Sandbox) -> None:
    """In their order and in one folder, as a reader would type them."""
    for kind, text in BLOCKS:
        if kind == "bash":
            typed = re.sub(r"^export .*\n", "", text, flags=re.MULTILINE)
            run(["bash", "-euo", "pipefail", "-c", typed], sandbox)


def test_every_file_that_the_readme_links_to_is_there() -> None:
    linked = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert linked
    assert [path for path in linked if not (ROOT / path).exists()] == []


def test_every_module_that_the_readme_runs_is_there() -> None:
    modules = set(re.findall(r"python -m (tests[\w.]+)", README))
    paths = [ROOT / module.replace(".", "/") for module in modules]
    assert [
        path
        for path in paths
        if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists()
    ] == []


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
