"""Links: which columns of a dataset hold what tells some people, and the values that do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from spaaza_source.erasure.dataset import Condition, Dataset
from spaaza_source.errors import SettingsError
from spaaza_source.tombstones import Digester, Effect, People


@dataclass(frozen=True)
class Link:
    """A column of a table by which rows are found to be the people's.

    Attributes:
        table: The table.
        column: Its column.
        identifier: The name of what the column holds.
        effect: Whether the row goes, or its cell is emptied.
        rows: How many rows have one of the values.
    """

    table: str
    column: str
    identifier: str
    effect: Effect
    rows: int = 0


@dataclass
class Values:
    """The values of each identifier, by its name.

    Attributes:
        texts: As the tables have them: in the clear, or the pseudonyms of `privacy`.
        shared: How many are somebody else's too, and so are not followed.
    """

    texts: dict[str, set[str]] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LinkChoice:
    """What a user has said of links.

    Attributes:
        added: Further columns, as `table.column`, with the name of the identifier that each holds.
        left_out: Columns that are left alone, as `table.column`.
    """

    added: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()


def find_links(dataset: Dataset, people: People, choice: LinkChoice) -> list[Link]:
    """The links of all tables, without numbers of rows.

    Raises:
        SettingsError: One that the user names is not there.
    """
    found = [
        Link(table, column, identifier.name, effect)
        for table, columns in dataset.tables.items()
        for column, identifier, effect in people.links(dataset.vendors_name(table), columns)
    ]
    every = {
        f"{table}.{column}".casefold(): (table, column)
        for table, columns in dataset.tables.items()
        for column in columns
    }
    for name in (*choice.added, *choice.left_out):
        if name.casefold() not in every:
            raise SettingsError(
                f"there is no column {name!r}",
                where="--link" if name in choice.added else "--without",
                hint="Name it as TABLE.COLUMN, as the dataset has it.",
            )
    left_out = {name.casefold() for name in choice.left_out}
    found += [
        Link(*every[name.casefold()], identifier, "row")
        for name, identifier in choice.added.items()
    ]
    return [each for each in found if f"{each.table}.{each.column}".casefold() not in left_out]


def rows_found(
    dataset: Dataset, people: People, link: Link, texts: Collection[str]
) -> list[Condition]:
    """The rows that a link finds by some texts; none that `People.owner_columns` give another."""
    is_told = link.identifier == people.identifiers[0].name or link.effect == "cell"
    vendors = dataset.vendors_name(link.table)
    owners = [] if is_told else people.owner_columns(vendors, dataset.tables[link.table])
    unowned = "".join(f" AND {dataset.quote(column)} IS NULL" for column in owners)
    found = dataset.holding(link.table, link.column, texts)
    return [Condition(f"{where.sql}{unowned}", where.values) for where in found]


def find_values(
    dataset: Dataset,
    people: People,
    links: Collection[Link],
    keys: Collection[str],
    digester: Digester,
) -> Values:
    """The values that tell some people, beginning with the keys of their rows.

    What a person's row tells is followed where no row of anybody else has it too.
    """
    first, *others = people.identifiers
    pseudonyms = {text for key in keys if (text := digester.pseudonym(key)) is not None}
    values = Values({first.name: {*keys, *pseudonyms}})
    for identifier in others:
        found: set[str] = set()
        tables = [
            table
            for table in dataset.tables
            if dataset.vendors_name(table) in identifier.taken_from
        ]
        for table in tables:
            columns = [link.column for link in _of(links, table, identifier.name)]
            for link in _of(links, table) if columns else ():
                texts = values.texts.get(link.identifier, ())
                for where in rows_found(dataset, people, link, texts):
                    found.update(dataset.texts(table, columns, where))
        shared = {
            text
            for text in found
            if any(
                _is_shared(dataset, _of(links, table, first.name), link, values, text)
                for table in tables
                for link in _of(links, table, identifier.name)
            )
        }
        values.texts[identifier.name] = found - shared
        if shared:
            values.shared[identifier.name] = len(shared)
    return values


def _of(links: Collection[Link], table: str, identifier: str | None = None) -> list[Link]:
    """The links of a table by which whole rows are a person's; those of one identifier, or all."""
    return [
        link
        for link in links
        if link.table == table and link.effect == "row" and identifier in (None, link.identifier)
    ]


def _is_shared(
    dataset: Dataset, keys: Collection[Link], link: Link, values: Values, text: str
) -> bool:
    """Whether a row that has somebody else's key has a value too."""
    for where in dataset.holding(link.table, link.column, {text}):
        for key in keys:
            own = list(dataset.holding(link.table, key.column, values.texts[key.identifier]))
            is_own = " OR ".join(each.sql for each in own) or "1 = 0"
            others = Condition(
                f"{where.sql} AND {dataset.quote(key.column)} IS NOT NULL AND NOT ({is_own})",
                [*where.values, *(value for each in own for value in each.values)],
            )
            if dataset.count(link.table, others):
                return True
    return False
