"""The contract with dlt: what the package needs of its inside is there, and named in one table.

A failure here says in words what a new dlt has changed, for what it is needed, and where.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import dlt
import pytest
from dlt.common.schema import Schema
from dlt.common.schema.typing import MERGE_DISPOSITION_HINTS
from dlt.common.schema.utils import new_table
from dlt.common.storages import LoadStorage, NormalizeStorage, PackageStorage
from dlt.destinations.sql_jobs import SqlMergeFollowupJob
from dlt.extract.storage import ExtractStorage

import spaaza_source
from spaaza_source.audit.load_scope import SCOPE, UNKNOWN_SCOPE
from spaaza_source.dlt_hooks import contract, install_hooks
from spaaza_source.dlt_hooks.contract import NEEDED, TRIED, describe_untried
from tests.warehouses import pipeline_into

PACKAGE = Path(spaaza_source.__file__).parent
#: What dlt documents for its users: whole modules, names of others, and all exceptions and types.
PUBLIC_MODULES = ("dlt", "dlt.extract", "dlt.sources", "dlt.common.typing")
PUBLIC = (
    "dlt.common.json",
    "dlt.common.logger",
    "dlt.common.configuration.configspec",
    "dlt.common.configuration.with_config",
    "dlt.common.configuration.specs.CredentialsConfiguration",
    "dlt.common.destination.Destination",
    "dlt.common.destination.TDestinationReferenceArg",
    "dlt.common.schema.Schema",
)
#: Where dlt hands something over, nobody imports it.
GIVEN = "(given)"


@dataclass
class Needed:
    """A name of the table: who needs it for what, its parameters, and what is used of it."""

    name: str
    parameters: str | None
    wings: str = ""
    purpose: str = ""
    members: dict[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        where = "where dlt hands it over" if self.wings == GIVEN else f"in {self.wings}"
        return f"needed {where}: {self.purpose}"


def read_table() -> Iterator[Needed]:
    entry: Needed | None = None
    for line in NEEDED.splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith(" "):
            if entry:
                yield entry
            entry = Needed(*_parse(line))
        elif entry is not None and not entry.purpose:
            entry.wings, entry.purpose = line.strip().split(": ", 1)
        elif entry is not None:
            entry.members |= dict(_parse(each) for each in line.split(";"))
    assert entry
    yield entry


def _parse(text: str) -> tuple[str, str | None]:
    name, bracket, parameters = text.strip().partition("(")
    return name, parameters.rstrip(")") if bracket else None


TABLE = list(read_table())
NAMES = {entry.name for entry in TABLE}


def found(name: str) -> Any:
    """What dlt has by that name: a module, or something in one.

    Raises:
        LookupError: Nothing.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), last)
    except (ModuleNotFoundError, AttributeError):
        raise LookupError(name) from None


def missing(entry: Needed) -> Iterator[str]:
    """What dlt has otherwise than the entry says, in words."""
    try:
        thing = found(entry.name)
    except LookupError:
        yield f"dlt {dlt.__version__} has no {entry.name} any more; {entry}"
        return
    wanted = {"": entry.parameters} if entry.parameters is not None else {}
    for member, parameters in {**wanted, **entry.members}.items():
        name = f"{entry.name}.{member}".rstrip(".")
        if not has(thing, member):
            yield f"dlt {dlt.__version__} has no {name} any more; {entry}"
        elif parameters is not None:
            function = getattr(thing, member) if member else thing
            given = list(inspect.signature(function).parameters)
            own = given[1:] if given[:1] == ["self"] else given
            asked = parameters.split(", ") if parameters else []
            if own[: len(asked)] != asked:
                yield (
                    f"{name} of dlt {dlt.__version__} takes ({', '.join(own)}), and is used with"
                    f" ({parameters}); {entry}"
                )


def has(thing: Any, member: str) -> bool:
    """Whether it has the member: a class may give it to its instances alone."""
    if not member or hasattr(thing, member):
        return True
    bases = [] if isinstance(thing, ModuleType) else inspect.getmro(thing)
    own = [each for each in bases if each.__module__.startswith("dlt.")]
    given = re.compile(rf"^    {member}: |\bself\.{member}\b[^=\n]*=", re.MULTILINE)
    return any(given.search(inspect.getsource(each)) for each in own)


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name.removeprefix("dlt."))
def test_dlt_has_what_is_needed(entry: Needed) -> None:
    assert list(missing(entry)) == []


def test_a_change_in_dlt_is_told_in_words() -> None:
    storage = "dlt.common.storages.PackageStorage"
    gone = Needed("dlt.common.storages.Gone", None, "audit", "reads packages")
    told = f"dlt {dlt.__version__} has no dlt.common.storages.Gone any more; needed in audit: reads"
    assert list(missing(gone)) == [f"{told} packages"]
    changed = {"gone": None, "load_schema": "name", "list_packages": ""}
    parts = list(missing(Needed(storage, None, GIVEN, "reads packages", changed)))
    purpose = "needed where dlt hands it over: reads packages"
    version = f"dlt {dlt.__version__}"
    takes = f"{storage}.load_schema of {version} takes (load_id), and is used with (name)"
    assert parts == [f"{version} has no {storage}.gone any more; {purpose}", f"{takes}; {purpose}"]


@cache
def texts() -> dict[Path, str]:
    """The package's modules."""
    return {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def parsed() -> list[tuple[str, list[ast.AST]]]:
    """The nodes of each module that has to do with dlt, by the wing that it is of."""
    return [
        (path.relative_to(PACKAGE).with_suffix("").parts[0], list(ast.walk(ast.parse(text))))
        for path, text in texts().items()
        if "dlt" in text
    ]


def is_public(name: str) -> bool:
    module, _, last = name.rpartition(".")
    is_type = module == "dlt.common.schema.typing" and re.match("T[A-Z][a-z]", last)
    return (
        name in (*PUBLIC, *PUBLIC_MODULES)
        or module in PUBLIC_MODULES
        or module.endswith(".exceptions")
        or name == "dlt.common.data_types.TDataType"
        or bool(is_type)
    )


@cache
def imported() -> dict[str, set[str]]:
    """The names that the package imports of dlt's inside, by the wings that do."""
    names: dict[str, set[str]] = {}
    for wing, nodes in parsed():
        for node in nodes:
            of: list[str] = []
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("dlt."):
                of = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                of = [alias.name for alias in node.names if f"{alias.name}.".startswith("dlt.")]
            for name in of:
                names.setdefault(name, set()).add(wing)
    return names


def test_every_import_from_dlts_inside_is_in_the_table() -> None:
    used = {name: wings for name, wings in imported().items() if not is_public(name)}
    unnamed = [f"{', '.join(used[name])} imports {name}" for name in sorted(set(used) - NAMES)]
    assert unnamed == [], "name it in spaaza_source/dlt_hooks/contract.py, or do without"
    for entry in TABLE:
        if entry.wings != GIVEN:
            wings = ", ".join(sorted(imported().get(entry.name, ())))
            assert entry.wings == wings, f"{entry.name} is imported by {wings or 'nobody'}"


def test_every_hidden_attribute_that_is_not_ours_is_in_the_table() -> None:
    defined = re.compile(r"(?m)(?:def |class |^\s*)(_\w+)|self\.(_\w+)(?=,| =|: )")
    ours = {name for text in texts().values() for found in defined.findall(text) for name in found}
    used = {
        node.attr: wing
        for wing, nodes in parsed()
        for node in nodes
        if isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr)
    }
    members = {member for entry in TABLE for member in entry.members}
    # Of the standard library's zlib, which names the type nowhere else.
    others = {"_Decompress"}
    unnamed = {name: wing for name, wing in used.items() if name not in ours | members | others}
    assert unnamed == {}, "name it in spaaza_source/dlt_hooks/contract.py, or do without"


def test_packages_are_in_the_folders_that_are_looked_into() -> None:
    assert NormalizeStorage.EXTRACTED_FOLDER == "extracted"
    assert (LoadStorage.NEW_PACKAGES_FOLDER, LoadStorage.NORMALIZED_FOLDER) == ("new", "normalized")
    told = "dlt no longer extracts each run into a folder of its own: a killed run leaves what?"
    assert "new_packages_folder = uniq_id" in inspect.getsource(ExtractStorage.__init__), told
    assert PackageStorage.PACKAGE_COMPLETED_FILE_NAME == "package_completed.json"


def test_a_table_that_dlt_is_about_to_load_is_a_copy_of_the_schemas(tmp_path: Path) -> None:
    schema = Schema("spaaza")
    table: Any = new_table("users", write_disposition="merge")
    table |= {"x-merge-strategy": "delete-insert", SCOPE: UNKNOWN_SCOPE, "resource": "users"}
    schema.update_table(table)
    client: Any = pipeline_into(tmp_path)._get_destination_clients(schema)[0]
    prepared: Any = client.prepare_load_table("users")
    assert prepared is not schema.tables["users"], "the hook would change the stored schema"
    assert prepared[SCOPE] == UNKNOWN_SCOPE
    # Where no package is loaded, whoever merges gets what the database does not know.
    told = "dlt no longer takes the range that a merge replaces from the table it is about to load"
    prepared[SCOPE] = "{table}.at < {staging_table}.at"
    merge: Any = SqlMergeFollowupJob
    _, scope = merge.get_merge_conditions(prepared, client.sql_client)
    assert scope.count(".at") == 2, told
    assert "{" not in scope, told


def test_dlts_hints_of_a_merge_are_those_that_are_kept_with_a_package() -> None:
    assert MERGE_DISPOSITION_HINTS["destination_scope"] == SCOPE == "x-merge-destination-scope"
    assert MERGE_DISPOSITION_HINTS["source_filter"] == "x-merge-source-filter"


def test_the_bound_follows_what_was_tried() -> None:
    project = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    major, minor = TRIED[-1].split(".")
    assert f'"dlt>={TRIED[0]},<{major}.{int(minor) + 1}"' in project
    assert describe_untried(dlt.__version__) is None


def test_a_minor_release_that_was_not_tried_is_told_with_what_to_install() -> None:
    for version in ("1.30.4", "1.32.0", "1.310.0", "2.31.0"):
        told = describe_untried(version)
        assert told is not None
        assert version in told
        assert 'pip install "dlt~=1.31.0"' in told
    assert describe_untried("1.31.7") is None
    assert describe_untried("1.31") is None


@pytest.mark.slow
def test_it_is_told_once_in_a_process_at_the_start_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dlt, "__version__", "1.99.0")
    contract.warn_of_untried_dlt.cache_clear()
    install_hooks()
    caplog.set_level(logging.WARNING, "dlt")
    pipeline = pipeline_into(tmp_path)
    for _ in range(2):
        pipeline.run([{"n": 1}], table_name="numbers")
    contract.warn_of_untried_dlt.cache_clear()
    assert sum("dlt 1.99.0 was not tried" in record.message for record in caplog.records) == 1
