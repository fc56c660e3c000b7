"""README and docs cannot drift: their commands are run, their tables and links held to the code."""

from __future__ import annotations

import ast
import gzip
import inspect
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import dlt
import duckdb
import pytest

import spaaza_source
from spaaza_source import spaaza_bulk_users, voucherify_source
from spaaza_source import spaaza_source as spaaza
from spaaza_source.audit.tables import AUDIT_TABLES, FAILED_EXPORTS
from spaaza_source.cli.app import cli
from spaaza_source.cli.output.json_log import JsonReport
from spaaza_source.sandbox import Sandbox, SandboxSettings
from spaaza_source.tombstones.store import ERASURE_TABLES
from tests.command import spaaza as run_spaaza

PACKAGE = Path(spaaza_source.__file__).parent
ROOT = PACKAGE.parent
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAGES = ["README.md", "SECURITY.md", "CHANGELOG.md", ".github/CONTRIBUTING.md", *DOCS]
#: The letter of each source in the tables of docs/settings.md.
SOURCES: dict[str, Any] = {"S": spaaza, "V": voucherify_source, "B": spaaza_bulk_users}


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, kind: str) -> list[str]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)
    return [text for its, text in found if its == kind]


def prose(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level."""
    level = heading.split(" ", maxsplit=1)[0]
    _, found, rest = text_of(page).partition(f"\n{heading}\n")
    assert found, heading
    return re.split(rf"^{level} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables in a text, their headings among them."""
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]


def parameters(source: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(source).parameters)


# What a reader would type.


def test_the_first_two_sh_blocks_are_one_line_each() -> None:
    commands = blocks("README.md", "sh")
    assert [command.count("\n") for command in commands[:2]] == [1, 1]
    assert commands[0].rstrip().endswith("spaaza demo")
    assert "pytest" in commands[1]


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
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture
def own_files() -> None:
    """The files that docs/files.md names, where its commands look for them."""
    for number, name in enumerate(("users.csv", "users-1.csv", "users-2.csv")):
        Path(name).write_text(f"id,name\n{number},Ann\n", encoding="utf-8")
    Path("klanten.csv").write_text("id;punten;sinds\n0;3,5;31-12-2025\n", encoding="utf-8")
    may = b"id,timestamp\n1,2026-05-03T10:00:00Z\n"
    Path("may.csv.gz").write_bytes(gzip.compress(may))


@pytest.mark.slow
@pytest.mark.usefixtures("own_files")
def test_every_python_block_runs(sandbox: Sandbox) -> None:
    """Each by itself, but in one process: most of their time is what they import."""
    codes = [code for page in PAGES for code in blocks(page, "python")]
    assert len(codes) > 5
    each = "import sys\nfor code in sys.argv[1:]: print(code); exec(code, {'__name__': 'block'})"
    run([sys.executable, "-c", each, *codes], sandbox)


@pytest.mark.slow
@pytest.mark.usefixtures("own_files")
@pytest.mark.parametrize(
    "page",
    [
        page if page == "README.md" else pytest.param(page, marks=pytest.mark.thorough)
        for page in PAGES
        if blocks(page, "bash")
    ],
)
def test_every_bash_block_runs(page: str, sandbox: Sandbox) -> None:
    """In their order and in one folder, as a reader would type them.

    `spaaza` is called in a process that need not import it anew: seconds for each line.
    """
    for line in "".join(blocks(page, "bash")).replace("\\\n", " ").splitlines():
        command, *arguments = shlex.split(line, comments=True) or ["export"]
        if command == "spaaza":
            ran = run_spaaza(*arguments, **access_to(sandbox))
            assert ran.returncode == 0, ran.stdout + ran.stderr
        elif command != "export":
            run(["bash", "-euo", "pipefail", "-c", line], sandbox)


def test_every_command_that_is_named_exists_and_the_readme_names_all() -> None:
    named = {
        command
        for page in PAGES
        for kind in ("sh", "bash", "text")
        for text in blocks(page, kind)
        for command in re.findall(r"\bspaaza ([a-z]+)", text)
    }
    assert named <= set(cli.commands)
    assert set(cli.commands) <= set(re.findall(r"\bspaaza ([a-z]+)", text_of("README.md")))


def test_every_option_of_a_command_that_is_named_exists() -> None:
    options = {
        option
        for command in (cli, *cli.commands.values())
        for parameter in command.params
        for option in parameter.opts
    }
    for page in ("README.md", "docs/operations.md", "docs/loading.md", "docs/settings.md"):
        for line in re.findall(r"\bspaaza [a-z]+ [^`\n#]*", text_of(page)):
            assert set(re.findall(r"--[a-z-]+", line)) <= options, line


# Where links lead, and what stands in a table.


def anchors(page: str) -> set[str]:
    """The headings of a page as a repository's pages name them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: str) -> None:
    for path, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", prose(page)):
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target.relative_to(ROOT).as_posix()), f"{path}#{anchor}"


def test_the_readme_is_a_guide_and_leads_to_every_page() -> None:
    assert text_of("README.md").count("\n") <= 260
    assert {page for page in PAGES[1:] if f"]({page}" not in text_of("README.md")} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_file_that_is_named_is_there(page: str) -> None:
    modules = set(re.findall(r"python -m (tests[\w.]+)", text_of(page)))
    for path in (ROOT / module.replace(".", "/") for module in modules):
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), path
    for name in re.findall(r"`((?:spaaza_source|tests|pipelines)/[a-z_/.]+)`", text_of(page)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES)
def test_every_row_of_a_table_has_a_cell_under_each_heading(page: str) -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", prose(page), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
        assert re.fullmatch(r"\|(?:---\|)+", table.splitlines()[1]), table


@pytest.mark.parametrize("files", ["", "https://example.org/files/"])
def test_no_link_of_a_package_page_leads_to_a_file_beside_it(
    files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hatchling is there while a package is built, not in this environment.
    hatchling: Any = ModuleType("hatchling.metadata.plugin.interface")
    hatchling.MetadataHookInterface = object
    monkeypatch.setitem(sys.modules, hatchling.__name__, hatchling)
    rewrite = runpy.run_path(str(ROOT / ".ci" / "package_page.py"))["with_absolute_links"]
    told = rewrite(text_of("README.md"), files)
    linked = re.findall(r"\]\(([^)]*)\)", told)
    assert linked
    assert [link for link in linked if not link.startswith("https://")] == []
    wanted = "[settings](https://example.org/files/docs/settings.md)"
    assert (wanted if files else "settings (`docs/settings.md`)") in told
    code = r"^```.*?^```$"
    assert re.findall(code, told, re.MULTILINE | re.DOTALL) == re.findall(
        code, text_of("README.md"), re.MULTILINE | re.DOTALL
    )


# What the tables of reference say.


@pytest.mark.parametrize("letter", SOURCES)
def test_the_settings_are_the_signature(letter: str) -> None:
    told = {
        name: default
        for name, sources, _, default in (
            row for row in rows(text_of("docs/settings.md")) if row[3:]
        )
        if letter in sources.split()
    }
    given = {f"`{name}`": each.default for name, each in parameters(SOURCES[letter]).items()}
    assert set(told) == set(given)
    for name, default in told.items():
        assert _is_default(default, given[name]), name


def _is_default(told: str, default: Any) -> bool:
    if told == "required":
        return default is dlt.config.value or default is dlt.secrets.value
    if told in ("true", "false"):
        return default is (told == "true")
    if re.fullmatch(r"[\d.]+", told):
        return type(default) is not bool and float(told) == default
    if re.fullmatch(r"`[^`]+`", told):
        return told == f"`{default}`"
    return default is None


def test_the_settings_that_the_readme_names_exist() -> None:
    table = rows(section("README.md", "## Settings most people touch"))[1:]
    named = {name for row in table for name in re.findall(r"`(\w+)`", row[0])}
    assert named
    assert named <= {name for source in SOURCES.values() for name in parameters(source)}


@pytest.mark.parametrize("table", [*AUDIT_TABLES, "failed_exports"])
def test_every_column_of_an_audit_table_is_described(table: str) -> None:
    _, *described = rows(section("docs/audit_tables.md", f"## `{table}`"))
    _, columns = {**AUDIT_TABLES, "failed_exports": FAILED_EXPORTS}[table]
    assert [row[:2] for row in described] == [
        [f"`{column['name']}`", column["data_type"]] for column in columns
    ]
    assert all(meaning for *_, meaning in described)


@pytest.mark.parametrize("table", ERASURE_TABLES)
def test_every_column_of_a_table_of_erasures_is_described(table: str) -> None:
    _, *described = rows(section("docs/erasure.md", f"## `{table}`"))
    columns = ERASURE_TABLES[table]
    assert [row[:2] for row in described] == [[f"`{name}`", kind] for name, kind in columns.items()]
    assert all(meaning for *_, meaning in described)


def test_every_wing_has_its_row() -> None:
    _, *described = rows(section("docs/architecture.md", "## Floors and wings"))
    wings = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    floors = {wing.strip("`"): floor for floor, wing, _ in described}
    assert len(floors) == len(described)
    assert set(floors) == wings | modules
    (short,) = [text for text in blocks(".github/CONTRIBUTING.md", "text") if "dlt_hooks" in text]
    listed = [line.split(maxsplit=1) for line in short.splitlines()]
    assert {wing: floor for floor, line in listed for wing in line.split(", ")} == floors


def test_every_event_of_the_json_log_is_described() -> None:
    _, *described = rows(section("docs/operations.md", "### Logs"))
    events = set(re.findall(r"_line\(\s*\"(\w+)\"", inspect.getsource(JsonReport)))
    assert events
    assert {event.strip("`") for event, _ in described} == events


def test_every_message_that_has_a_remedy_is_one_of_ours() -> None:
    _, *remedies = rows(section("README.md", "## When something breaks"))
    texts = {
        node.value
        for module in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert remedies
    for message, _ in remedies:
        for part in re.findall(r"`([^`]+)`", message):
            assert any(part in text for text in texts), part


def test_the_package_ships_its_types_and_its_command() -> None:
    assert (PACKAGE / "py.typed").exists()
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


@pytest.mark.slow
def test_the_privacy_example_loads_from_the_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    lines = re.findall(r"^privacy = (.*?)  #", text_of("README.md"), re.MULTILINE)
    assert len(lines) == 2
    for number, text in enumerate(lines):
        policy = {
            "SOURCES__SPAAZA__PRIVACY": json.dumps(ast.literal_eval(text)),
            "SOURCES__SPAAZA__PRIVACY_SECRET": "0123456789abcdef",
        }
        db = str(tmp_path / f"policy_{number}.duckdb")
        ran = run_spaaza("load", "users", "--db", db, **access_to(sandbox), **policy)
        assert ran.returncode == 0, ran.stderr
        with duckdb.connect(db) as warehouse:
            columns = warehouse.sql("DESCRIBE spaaza_data.users").fetchall()
        assert ("gender" in [name for name, *_ in columns]) == (number == 0)
