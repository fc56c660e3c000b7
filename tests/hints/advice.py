"""Which texts of the package advise a setting or a command, and which tests say they follow one."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import spaaza_source
from spaaza_source.cli import cli

PACKAGE = Path(spaaza_source.__file__).parent
TESTS = Path(__file__).parents[1]
#: The vendors of the tests, and modules of column names and of SQL: they advise nothing.
SILENT = re.compile(
    r"sandbox/|(spaaza/columns|voucherify)/(documented_types|(bulk|kept|personal)_columns|objects)"
    r"|model/(book_sql|invariants|settled|(spaaza|voucherify)_origins)"
)

#: Settings whose names are words of every day: as advice they stand beside another name.
WORDS = {
    "cleanup",
    "credentials",
    "fields",
    "files",
    "filters",
    "lag",
    "objects",
    "order",
    "segments",
    "window",
}
SOURCES = (
    spaaza_source.spaaza_source,
    spaaza_source.voucherify_source,
    spaaza_source.spaaza_bulk_users,
)
SETTINGS = sorted({name for source in SOURCES for name in inspect.signature(source).parameters})
#: Of the commands, the environment, credentials, dlt and Python; the names of texts of ours.
OTHERS = (
    rf"\b({'|'.join(cli.commands)}) --|\bspaaza ({'|'.join(cli.commands)})\b",
    r"--[a-z]+",
    r"[A-Z]__[A-Z{]|\bDLT_|CA_BUNDLES",
    r"pip install|\{variable\}",
    r"config\.toml|secrets\.toml|\bsources\.",
    r"(?<![.\w])(app|access|session)_\w+",
    r"(primary|merge)_key|write_disposition|apply_hints|hard_delete|destination_scope",
    r"\brefresh=|pipelines_dir|abort_packages|side_by_side|table_format=",
    r"(another|new) (dataset|destination)",
    r"reload_hint|RELOAD|all_rows_hint|SMALLEST_WINDOW",
)
#: So a sentence begins that tells what to write, also where `where` has the setting's name.
VERBS = (
    "Add|Change|Choose|Correct|Create|Did you mean|Give|It is a share|Keep|Leave|Load|Move|Name|"
    "Remove|Request|Set|Use|Write"
)
ADVICE = re.compile(
    "|".join(
        [
            *(rf"(?<![.\w]){name}\b" for name in SETTINGS if name not in WORDS),
            *OTHERS,
            rf"(^|[.:}}] ?)({VERBS})\b",
        ]
    )
)

#: What a test calls, or is marked with, to say which advice it follows.
CLAIMS = ("advises", "check_advice", "follows")


@dataclass(frozen=True)
class Advice:
    """A text that names a setting or a command.

    Attributes:
        module: Its module, as a path from the package.
        text: The text; what it is filled with stands in braces.
        pattern: What it looks like once it is filled.
    """

    module: str
    text: str
    pattern: str


@lru_cache(maxsize=1)
def find_advice() -> list[Advice]:
    """Every text of the package that advises a setting or a command.

    None are docstrings, the help of a command's option, where an error was, and what it was.
    """
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        if SILENT.match(module):
            continue
        for node in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            text = _text(node)
            if len(text.split()) > 1 and ADVICE.search(text):
                found.append(Advice(module, text, _pattern(node)))
    return found


def advice_of(module: str, beginning: str) -> Advice:
    """The advice of a module that begins so."""
    return next(
        each for each in find_advice() if each.module == module and each.text.startswith(beginning)
    )


def find_claims() -> Iterator[tuple[str, str]]:
    """Each module and beginning of an advice that a test says it follows."""
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in CLAIMS:
                given = [each.value for each in node.args if isinstance(each, ast.Constant)]
                if len(given) >= 2:
                    yield str(given[0]), str(given[1])


def _texts(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The texts below a node that may be advice."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "where":
        return
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield node
        return
    parts = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        is_error = ast.unparse(node.func).endswith("Error")
        others = [one.value for one in node.keywords if one.arg not in {"help", "where"}]
        parts = [node.func, *node.args[is_error:], *others]
    for part in parts:
        yield from _texts(part)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _pattern(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_pattern, node.values))
    # A text of the package may be written with `str.format`.
    parts = re.split(r"\{\w+\}|COLUMN", _text(node).replace("{{", "{").replace("}}", "}"))
    return ".*" if isinstance(node, ast.FormattedValue) else ".*".join(map(re.escape, parts))
