"""What is wanted of an erasure, what it would remove, and what it has done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spaaza_source.destination import can_count, is_files
from spaaza_source.erasure.links import Link, LinkChoice
from spaaza_source.erasure.packages import require_no_pending
from spaaza_source.errors import SettingsError
from spaaza_source.tombstones import People


@dataclass(frozen=True)
class Wanted:
    """What a user wants to be erased.

    Attributes:
        table: The table whose key is given.
        keys: Of the people.
        choice: What was said of links.
        all_rejected: Whether all rows of `rejected_rows` go.
        kept_files: Folders of archived files.
    """

    table: str
    keys: frozenset[str]
    choice: LinkChoice = field(default_factory=LinkChoice)
    all_rejected: bool = False
    kept_files: Sequence[Path] = ()


@dataclass(frozen=True)
class ErasurePlan:
    """What would be removed.

    Attributes:
        links: The columns that are searched, with how many rows each finds.
        found: How many of the keys a row has.
        shared: By identifier: how many values are somebody else's too, and are not followed.
        rejected: How many rows of `rejected_rows` go.
        nested: Tables of nested lists, whose rows go with theirs.
    """

    links: Sequence[Link]
    found: int
    shared: Mapping[str, int]
    rejected: int
    nested: Sequence[str]


@dataclass(frozen=True)
class Receipt:
    """What was done.

    Attributes:
        removed: Rows by table.
        emptied: Cells by column.
        rejected: Rows of `rejected_rows`.
        files: Archived files that were rewritten.
        packages: Load packages that were removed.
        left: What is left to the user.
        failed: What could not be done.
    """

    removed: Mapping[str, int]
    emptied: Mapping[str, int]
    rejected: int
    files: int
    packages: int
    left: Sequence[str]
    failed: Sequence[str]


def check_pipeline(pipeline: Any) -> None:
    """Check that erasure is possible there, and that no load is to be finished first.

    Raises:
        SettingsError: It is not, or one is.
    """
    if is_files(pipeline.destination) or not can_count(pipeline, None):
        raise SettingsError(
            "rows of single people cannot be deleted there",
            where=f"destination {pipeline.destination.destination_name}",
            hint="Delete them with a tool of yours, or load the tables anew.",
        )
    require_no_pending(pipeline)


def parse_links(added: Sequence[str], left_out: Sequence[str], people: People) -> LinkChoice:
    """What the options say of links: `TABLE.COLUMN`, or `TABLE.COLUMN=IDENTIFIER`.

    Raises:
        SettingsError: One is of another form, or names an identifier that is not there.
    """
    names = [each.name for each in people.identifiers]
    links = {}
    for text in added:
        column, _, identifier = text.partition("=")
        if identifier and identifier not in names:
            raise SettingsError(
                f"there is no identifier {identifier!r}",
                where="--link",
                hint=f"Write --link TABLE.COLUMN=IDENTIFIER with one of: {', '.join(names)}.",
            )
        links[column] = identifier or names[0]
    return LinkChoice(links, frozenset(left_out))
