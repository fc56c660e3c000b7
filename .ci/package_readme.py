"""The README as a package page shows it: links to files of the repository made absolute, or text.

In the repository, links to files are relative. A package page has no such files, so the build
rewrites the links (pyproject.toml, `tool.hatch.metadata.hooks.custom`). Its setting `files` is the
address under which the repository shows its files. While that is empty, a link becomes its text
and the file's path: a reader finds the file in the source distribution.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: A fenced block of code, whose brackets are no links; or a link to a file.
PART = re.compile(
    r"(?P<code>^```.*?^```$)|\[(?P<text>[^\]]+)\]\((?![a-z]+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)]*)?\)",
    re.MULTILINE | re.DOTALL,
)


class PackageReadme(MetadataHookInterface):
    """Hatch's hook: sets the long description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme`."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        told = with_absolute_links(text, self.config.get("files", ""))
        metadata["readme"] = {"content-type": "text/markdown", "text": told}


def with_absolute_links(markdown: str, files: str) -> str:
    """The text, each link to a file of the repository leading to `files`, or made text."""

    def rewrite(part: re.Match[str]) -> str:
        if part["code"]:
            return part[0]
        text, path, anchor = part["text"], part["path"], part["anchor"] or ""
        if files:
            return f"[{text}]({files.rstrip('/')}/{path}{anchor})"
        return text if path in text else f"{text} (`{path}`)"

    return PART.sub(rewrite, markdown)
