"""The words of a vendor's error, in whatever form it answers: JSON of any shape, a page, a text.

They are still to be redacted.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

#: The keys that errors are told by, in the order in which they read best: of the vendors'
#: documents, RFC 9457, OAuth, JSON:API, SOAP and the usual frameworks.
KEYS = (
    *("name", "title", "message", "msg", "description", "detail", "details", "reason"),
    *("error_description", "error_message", "faultstring", "errors", "error", "messages"),
    *("fault", "result", "extrainfo", "info", "key"),
)
#: Beyond these depths and numbers a message says nothing more.
DEEPEST, MOST = 6, 8
#: Characters that are looked at. What is shown is far shorter: no secret lies across this cut.
LONGEST = 20_000

_TITLE = re.compile(r"<(title|h1|message|faultstring)\b[^>]*>\s*([^<]*\S)\s*</\1>", re.IGNORECASE)


def vendor_words(body: Any) -> str:
    """The words of an error that is JSON; all of it where none of its keys is known."""
    if body in (None, "", [], {}):
        return ""
    words = list(dict.fromkeys(_words(body, 0)))[:MOST]
    text = ", ".join(words) or json.dumps(body, ensure_ascii=False)
    return text[:LONGEST]


def page_words(text: str, content_type: str = "") -> str:
    """The words of an error that is no JSON: the title of a page, or the text itself."""
    text = text[:LONGEST].strip()
    if "html" not in content_type and not text.startswith("<"):
        return text
    title = _TITLE.search(text)
    return html.unescape(title[2]) if title else ""


def _words(node: Any, depth: int) -> Iterator[str]:
    if isinstance(node, str) and node.strip():
        yield node.strip()
    elif isinstance(node, list) and depth < DEEPEST:
        for each in node[:MOST]:
            yield from _words(each, depth + 1)
    elif isinstance(node, dict) and depth < DEEPEST:
        known = [key for key in KEYS if key in node]
        for key in known:
            yield from _words(node[key], depth + 1)
        if not known and depth:
            # Errors by the field that they are of, or by a number.
            for key, value in list(node.items())[:MOST]:
                named = isinstance(value, list | str) and not str(key).isdecimal()
                yield from (
                    f"{key}: {word}" if named else word for word in _words(value, depth + 1)
                )
