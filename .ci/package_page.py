"""The package page: the README with links that work there, and the addresses beside it.

In the repository, links to files are relative. A package page has no such files, so the build
rewrites the links (pyproject.toml, `tool.hatch.metadata.hooks.custom`). Two settings stand there:
`repository`, the address of the repository, and `files`, that under which it shows its files.
While they are empty, the page names no address, and a link becomes its text and the file's path: a
reader finds the file in the source distribution.
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


class PackagePage(MetadataHookInterface):
    """Hatch's hook: sets the long description and the addresses."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme` and `urls`."""
        repository, files = self.config.get("repository", ""), self.config.get("files", "")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        told = with_absolute_links(text, files)
        metadata["readme"] = {"content-type": "text/markdown", "text": told}
        metadata["urls"] = project_urls(repository, files)


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


def project_urls(repository: str, files: str) -> dict[str, str]:
    """The addresses that a package page shows: those that there are."""
    urls = {"Repository": repository} if repository else {}
    if files:
        page = files.rstrip("/")
        urls |= {"Documentation": f"{page}/README.md", "Changelog": f"{page}/CHANGELOG.md"}
    return urls
