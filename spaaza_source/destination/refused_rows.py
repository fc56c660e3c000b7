"""What an error of a destination may say: what failed, and where; never a value of a row.

A database that refuses a row quotes it: `Key (email)=(…) already exists`, `Failing row contains
(…)`, `Could not convert string '…' to INT32`. Of such an error only the kind, the table, the column
and the constraint are told. What the messages of other drivers quote, and how, nobody here knows:
of theirs only what they give in fields of their own is told.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import duckdb

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.transport import redact

#: Classes of PostgreSQL's SQLSTATE whose messages name things of the database, not values:
#: connections, features, transactions, names and rights, limits, the operator, the system.
PLAIN_STATES = ("08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
#: It quotes the SQL, in which values may stand.
SYNTAX_ERROR = "42601"
#: Errors of DuckDB whose messages name things of the database, or files.
PLAIN_ERRORS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConnectionException,
    duckdb.DependencyException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.PermissionException,
)
#: Errors of DuckDB about values.
ROW_ERRORS = (duckdb.DataError, duckdb.IntegrityError)
#: What DuckDB calls each kind of constraint.
CONSTRAINTS = ("NOT NULL", "CHECK", "FOREIGN KEY", "UNIQUE", "PRIMARY KEY")
#: Where a message has a column's name: before the value, or at the end of a line.
COLUMNS = (
    re.compile(r'Duplicate key "(\w+): '),
    re.compile(r"NOT NULL constraint failed: \w+\.(\w+)$"),
    re.compile(r" when casting from source column (\w+)$", re.MULTILINE),
    re.compile(r"^COPY \S+, line \d+, column (\w+):"),
    re.compile(r"\b(?:column|field) name [\"'`\[(](\w+)", re.IGNORECASE),
    re.compile(r"\b(?:column|field):? [\"'`\[(]?(\w+)", re.IGNORECASE),
)
#: Fields in which drivers give a code or a constraint's name: never data.
CODES = ("sqlstate", "pgcode", "errno", "code")
CONSTRAINT = "constraint_name"
#: What a code looks like: SQL's states, numbers of errors.
CODE = re.compile(r"[0-9A-Z]{5}|\d{1,6}")
#: A state of the SQL standard: a class, then no lower-case letters.
STATE = re.compile(r"(?=\w*\d)[0-9A-Z]{5}")
#: Of an object store or another server.
HTTP_ANSWERS = [f"{each.value} {each.phrase}" for each in HTTPStatus if each >= HTTPStatus(400)]
#: Where the words of another driver are, which are not told.
ELSEWHERE = "its own words may quote a row; the destination's own log has them, if it keeps one"
#: Where a name or a secret may stand in a message about a connection: in quotes or brackets, up to
#: the last of them; in a number; in an address.
QUOTED = re.compile(r"(?<!\w)[\"'`(\[{].*[\"'`)\]}]|(?<!\w)[\"'`(\[{].*")
NUMBER_OR_ADDRESS = re.compile(r"\S*(?:\d{4}|@)\S*")
#: What PostgreSQL's library says of an option before it connects.
OPTION = re.compile(r"^(invalid [a-z_ ]+:).*")
HIDDEN = "…"
#: Fields in which dlt, and SQLAlchemy, keep the error that they wrap.
WRAPPED = ("dbapi_exception", "orig")
#: A line of fewer letters is in many a text that does not quote it.
SHORTEST_LINE = 4


class _Told(str):
    """A text of ours, in an error that has been dealt with."""

    __slots__ = ()


@contextmanager
def values_hidden(
    table: str = "", columns: Collection[str] = (), *, has_rows: bool = True
) -> Iterator[None]:
    """Let no error leave the `with` block with a value of a row; see `hide_values`."""
    try:
        yield
    except Exception as failure:
        hide_values(failure, table, columns, has_rows=has_rows)
        raise


def hide_values(
    failure: BaseException,
    table: str = "",
    columns: Collection[str] = (),
    *,
    has_rows: bool = True,
) -> None:
    """Leave nothing of a row in an error of a destination, nor in those that caused it.

    They are changed in place, as others have them already, and their frames lose their variables.
    Errors of this package stay as they are.

    Args:
        failure: What was raised.
        table: The table that was being loaded; empty if that is not known.
        columns: Its columns: nothing else in a message is taken for one.
        has_rows: Whether rows may have been sent; not while a connection is made.
    """
    chain = list(_chain(failure))
    told: dict[str, str] = {}
    for error in chain:
        traceback.clear_frames(error.__traceback__)
        if isinstance(error, Exception) and not _is_worded_by_us(error):
            original = str(error)
            told[original] = _describe(error, table, columns, has_rows=has_rows)
            _set_text(error, told[original])
    for error in chain:
        if type(error).__module__.startswith("dlt."):
            _replace_texts(error, told)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, and what dlt wraps in it."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            wrapped = (getattr(each, name, None) for name in WRAPPED)
            waiting += [one for one in wrapped if isinstance(one, BaseException)]
            waiting += [each.__cause__, each.__context__]


def _is_worded_by_us(error: Exception) -> bool:
    """Whether the text is this package's, dlt's or the system's: not a destination's."""
    return (
        isinstance(error, SpaazaSourceError)
        or type(error).__module__.startswith("dlt.")
        or (isinstance(error, OSError) and error.errno is not None)
        or isinstance(error.args[0] if error.args else None, _Told)
    )


def _describe(error: Any, table: str, columns: Collection[str], *, has_rows: bool) -> str:
    """What went wrong, without a value."""
    kind, message = type(error).__name__, str(error)
    state = getattr(error, "pgcode", None)
    if state not in (None, SYNTAX_ERROR):
        if state[:2] in PLAIN_STATES:
            return redact(error.diag.message_primary or kind)
        column = error.diag.column_name or _column_in(error.diag.context or "", columns)
        constraint = error.diag.constraint_name
        return _refusal(f"{kind}, {state}", error.diag.table_name or table, column, constraint)
    if isinstance(error, ROW_ERRORS):
        constraint = next((each for each in CONSTRAINTS if each in message.upper()), None)
        return _refusal(kind, table, _column_in(message, columns), constraint)
    words = _plain_words(error, next(iter(message.splitlines()), ""), has_rows=has_rows)
    return _failure(error, table, columns) if words is None else words


def _plain_words(error: Any, first: str, *, has_rows: bool) -> str | None:
    """The first line of a message that quotes no row; None where it may."""
    # Of a damaged block DuckDB 2 tells by an error of no kind.
    is_damage = type(error) is duckdb.Error and first.startswith("Corrupt database file")
    if (isinstance(error, PLAIN_ERRORS) or is_damage) and "query" not in first:
        return redact(first)
    kind = type(error).__name__
    if kind == "OperationalError" and type(error).__module__.startswith("psycopg2"):
        # Without a state it is about the connection; of its options it quotes the values.
        return redact(OPTION.sub(rf"\1 {HIDDEN}", first))
    if has_rows:
        return None
    return f"{kind}: {redact(NUMBER_OR_ADDRESS.sub(HIDDEN, QUOTED.sub(HIDDEN, first)))}"


def _failure(error: Any, table: str, columns: Collection[str]) -> str:
    """What a driver that nobody here knows tells in fields, and in words that are never data."""
    message = str(error)
    at = f" at the table {table!r}" if table else ""
    column, constraint = _column_in(message, columns), getattr(error, CONSTRAINT, None)
    facts = [
        *_codes(error),
        *(answer for answer in HTTP_ANSWERS if answer in message),
        *([f"column {column!r}"] if column else []),
        *([f"constraint {str(constraint)!r}"] if constraint else []),
    ]
    told = f" ({', '.join(facts)})" if facts else ""
    return f"{type(error).__name__}: it failed{at}{told}; {ELSEWHERE}"


def _codes(error: Any) -> list[str]:
    """The codes that a driver gives apart from its words."""
    found = [getattr(error, name, None) for name in CODES]
    if len(error.args) > 1:
        # ODBC gives the state first, MySQL its number.
        first = error.args[0]
        is_state = isinstance(first, str) and STATE.fullmatch(first)
        found.append(first if isinstance(first, int) or is_state else None)
    texts = [str(each) for each in found if type(each) in (str, int)]
    return list(dict.fromkeys(each for each in texts if CODE.fullmatch(each)))


def _refusal(kind: str, table: str, column: str | None, constraint: str | None) -> str:
    of_table = f" of the table {table!r}" if table else ""
    of_column = f", column {column!r}" if column else ""
    by_constraint = f", constraint {constraint!r}" if constraint else ""
    return f"a row{of_table} was refused ({kind}{of_column}{by_constraint})"


def _column_in(message: str, columns: Collection[str]) -> str | None:
    found = [each.search(message) for each in COLUMNS]
    return next((match[1] for match in found if match and match[1] in columns), None)


def _set_text(error: Any, text: str) -> None:
    error.args = (_Told(text),)
    if hasattr(error, "pgerror"):
        error.__setstate__({"pgerror": text, "pgcode": error.pgcode, "cursor": None})
    for name, value in list(vars(error).items()):
        if name in CODES and CODE.fullmatch(str(value)):
            continue
        if isinstance(value, str | bytes):
            setattr(error, name, _Told(text))
        elif isinstance(value, list | tuple | dict | set | frozenset):
            setattr(error, name, type(value)())


def _replace_texts(error: BaseException, told: Mapping[str, str]) -> None:
    """Put the new texts where dlt has quoted the old ones."""

    def replaced(value: Any) -> Any:
        if isinstance(value, str):
            for original, text in told.items():
                value = value.replace(original, text) if original else value
                # Some of dlt's texts quote a part.
                for line in map(str.strip, original.splitlines()):
                    if len(line) >= SHORTEST_LINE and line not in text:
                        value = value.replace(line, HIDDEN)
        return value

    error.args = tuple(map(replaced, error.args))
    for name, value in list(vars(error).items()):
        if isinstance(value, str):
            setattr(error, name, replaced(value))
