"""Tells the keys that no source reads from those that some source does, and the nearest of these.

dlt looks for a setting of the source `chain_1743` of the section `spaaza` as

    sources.spaaza.chain_1743.window   sources.spaaza.window   sources.chain_1743.window
    sources.window                     window

with the active pipeline's name in front of each of them at first. Whatever else is set under these
sections is passed over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches

from spaaza_source.configuration.given_keys import (
    OF_DLT,
    SCHEMA,
    SOURCES,
    GivenKey,
    Settings,
    fields_of,
)

#: From this likeness on a section's name is taken for ours, and a key is proposed for another.
LIKE_A_SECTION, LIKE_A_KEY, LIKE_A_FIELD = 0.8, 0.65, 0.4
#: The same for a key that sources of others may have too.
LIKE_OURS = 0.85

Path = tuple[str, ...]


@dataclass(frozen=True)
class KnownKeys:
    """The keys of a section that some source of ours reads.

    Attributes:
        section: Its name.
        settings: What its sources read; dlt's own settings are added.
        source: The name of the source that is made; its own section below this one.
        numbered: What the names of its other sources begin with, before a number; may be empty.
    """

    section: str
    settings: Settings
    source: str
    numbered: str = ""
    _candidates: dict[str, Path] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", {**OF_DLT, **self.settings})
        for name, kinds in self.settings.items():
            for each in sorted(fields_of(*kinds)):
                self._candidates[_plain(each)] = (name, each)
                self._candidates[_plain(name, each)] = (name, each)
        # Where two are spelled alike, the setting of its own counts.
        self._candidates.update({_plain(name): (name,) for name in self.settings})

    def find_wrong(self, key: GivenKey, active: str | None) -> Path | None:
        """The path that a key nobody reads is nearest to, empty for none; None if it is right.

        Args:
            key: Any key that is set.
            active: The name of the active pipeline.
        """
        path = key.path
        if len(path) > 1 and path[0] != SOURCES and path[1] == SOURCES:
            return self._find_wrong_of_pipeline(key, active)
        if path[0] == SOURCES:
            wrong = self._find_wrong_source(path[1:], key)
        else:
            wrong = self._find_wrong_root(path, active)
        if wrong is None and key.in_environment:
            is_ours = path[0] == SOURCES and self._is_ours(path[1:])
            wrong = path[1:] if is_ours and not key.is_found else self._find_wrong_separators(path)
        return wrong if not wrong else (SOURCES, *wrong)

    def is_for_source(self, path: Path) -> bool:
        """Whether the source that is made may read a key that is right, not only others."""
        return not any(self._is_name(section) for section in path[:-1] if section != self.source)

    def _find_wrong_of_pipeline(self, key: GivenKey, active: str | None) -> Path | None:
        pipeline, *path = key.path
        wrong = self._find_wrong_source(tuple(path[1:]), key)
        if wrong:
            return (pipeline, SOURCES, *wrong)
        if wrong is None and pipeline == self.section != active and self._is_ours(path[1:]):
            return tuple(path)
        return wrong

    def _find_wrong_source(self, path: Path, key: GivenKey) -> Path | None:
        """What stands below `sources`; the paths given and returned do too."""
        if self._is_ours(path):
            return self._find_wrong_own(path, key)
        if not path or path[0] in self.settings:
            # For all sources, those of others too.
            return None
        head, *below = path
        if not below:
            return self._nearest([head], LIKE_OURS) or None
        if section := self._like_a_section(head):
            return (section, *self._nearest(below))
        # `sources.spaaza_source`, as the function is called.
        is_part = self.section in re.split(r"[\W_]+", head.lower())
        return (self.section, *below) if is_part and below[0] in self.settings else None

    def _find_wrong_own(self, path: Path, key: GivenKey) -> Path | None:
        """What stands below `sources` in a section of ours, or of one of several sources of it."""
        count = 2 if self._is_ours(path[1:]) else 1
        base, below = path[:count], path[count:]
        if below[:1] == (SCHEMA,) and count > 1:
            # A schema's settings are found by its name alone.
            return (base[1], *below)
        wrong = self._find_wrong_setting(below, key)
        return wrong if not wrong else (*base, *wrong)

    def _find_wrong_setting(self, path: Path, key: GivenKey) -> Path | None:
        name, *below = path or ("",)
        if name not in self.settings:
            return self._nearest(path) or self._like_a_name(path)
        fields = fields_of(*self.settings[name])
        if not below:
            return None
        if not fields:
            # A file's table is a dict; a variable has only its whole text.
            return (name,) if key.in_environment else None
        if below[0] in fields:
            return None
        near = get_close_matches("_".join(below), sorted(fields), 1, LIKE_A_FIELD)
        return (name, *near) if near else ()

    def _find_wrong_root(self, path: Path, active: str | None) -> Path | None:
        """What stands neither below `sources` nor below a pipeline's own."""
        head, *below = path
        if not below:
            return None
        if _is_like(head, SOURCES, LIKE_A_SECTION):
            section = self._like_a_section(below[0])
            nearest = self._nearest(below[1:]) if section else self._nearest(below[:1], LIKE_OURS)
            return (section, *nearest) if section else nearest or None
        if head == self.section or self._is_name(head):
            nearest = self._nearest(below, LIKE_OURS)
            # A pipeline may have the section's name, and dlt's own settings for itself.
            is_read = (head == active or below[0] in OF_DLT) and nearest == tuple(below)
            base = [head] if head == self.section else [self.section, head]
            return (*base, *nearest) if nearest and not is_read else None
        return None

    def _find_wrong_separators(self, path: Path) -> Path | None:
        """What is one of our keys, but for one underscore where two belong, or small letters."""
        words = "_".join(path).lower().split("_")
        words = [word for word in words if word]
        if len(words) < 3 or not _is_like(words[0], SOURCES, LIKE_A_SECTION):  # noqa: PLR2004
            return None
        if (section := self._like_a_section(words[1])) is None:
            return None
        nearest = self._nearest(words[2:], LIKE_OURS)
        is_right = path[:2] == (SOURCES, section)
        return (section, *nearest) if nearest and not is_right else None

    def _nearest(self, path: Sequence[str], likeness: float = LIKE_A_KEY) -> Path:
        found = get_close_matches(_plain(*path), self._candidates, 1, likeness)
        return self._candidates[found[0]] if found else ()

    def _is_ours(self, path: Sequence[str]) -> bool:
        return bool(path) and (path[0] == self.section or self._is_name(path[0]))

    def _is_name(self, text: str) -> bool:
        number = text.removeprefix(self.numbered) if self.numbered else ""
        return text == self.source or (number != text and number.isdecimal())

    def _like_a_section(self, text: str) -> str | None:
        if _is_like(text, self.section, LIKE_A_SECTION):
            return self.section
        return next(iter(self._like_a_name([text])), None)

    def _like_a_name(self, path: Sequence[str]) -> Path:
        """A name that several sources of the section may have: it ends with a number."""
        number = re.search(r"\d+$", path[0]) if path and self.numbered else None
        if number is None:
            return ()
        name = self.numbered + number[0]
        return (name, *path[1:]) if _is_like(path[0], name, LIKE_A_SECTION) else ()


def _is_like(text: str, name: str, likeness: float) -> bool:
    matcher = SequenceMatcher(None, text.lower(), name)
    return matcher.real_quick_ratio() >= likeness and matcher.ratio() >= likeness


def _plain(*words: str) -> str:
    return re.sub(r"[\W_]+", "_", "_".join(words).lower())
