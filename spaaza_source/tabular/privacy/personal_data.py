"""Tells columns that look personal, by the words of their names or by their cells.

The rules are stated in docs/settings.md. They are for columns that nobody has named: a false alarm
costs a word in the setting, and a miss puts somebody's data into the clear.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

import spaaza_source.tabular.privacy.personal_words as words

SAMPLE = 300
"""Cells of each part of a file that are looked at for what needs a share of them."""
SHARE = 1 / 3
"""Of the cells looked at: from here on a column is of a kind. One e-mail address is enough."""
EMAIL = "e-mail addresses"

_LONGEST = 4
_WORDS = {
    word: (kind, language)
    for kind, of_language in words.WORDS.items()
    for language, listed in of_language.items()
    for word in listed.split()
}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TOKEN = re.compile(r"[a-z]+|\d+")
_EMAIL = r"[\w.+%'-]+@[A-Za-z0-9][\w-]*(\.[\w-]+)*\.[A-Za-z]{2,}"
#: The name of a picture for screens of more pixels: no address.
_PICTURE = r"@\dx\.(png|jpe?g|gif|svg|webp)"
_STREETS = (
    r"[\w'. -]*(straat|laan|weg|plein|gracht|kade|singel|strasse|straße|str\.|platz|allee|gasse)"
    r"\s*\d+.*"
    r"|(\d+\w?,?\s+)?(rue|avenue|boulevard|chemin|calle|avenida|paseo|via|viale|piazza|corso)\s+"
    r"[\w'. -]+,?\s*\d*.*"
    r"|\d+\w?\s+[\w' ]+\s(street|road|avenue|lane|drive|close|square|st|rd|ave)\b.*"
)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_A_YEAR = re.compile(r"(?:(\d{4})-\d\d-\d\d(?:[T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}))")
#: Nobody who joins a loyalty programme was born in these years or before them.
_OLDEST, _YOUNGEST = 1915, 2012


def _matches(pattern: str, flags: int = 0) -> Callable[[str], bool]:
    compiled = re.compile(pattern, flags)
    return lambda cell: compiled.fullmatch(cell) is not None


def _is_birth_date(cell: str) -> bool:
    match = _A_YEAR.fullmatch(cell)
    return match is not None and _OLDEST <= int(match[1] or match[2]) < _YOUNGEST


def _is_iban(cell: str) -> bool:
    bare = cell.replace(" ", "")
    if not re.fullmatch(r"[A-Z]{2}\d\d[A-Z0-9]{11,30}", bare):
        return False
    return int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1


def _is_ip_address(cell: str) -> bool:
    parts = cell.split(".")
    if len(parts) == 4 and all(part.isdecimal() and len(part) < 4 for part in parts):  # noqa: PLR2004
        numbers = [int(part) for part in parts]
        # A version of a program has small numbers.
        return 100 <= max(numbers) <= 255  # noqa: PLR2004
    return bool(re.fullmatch(r"(?i)[0-9a-f]{1,4}(:[0-9a-f]{0,4}){3,7}", cell)) and ":" in cell


def _is_national_id(cell: str) -> bool:
    if re.fullmatch(r"\d{8}-?[A-Z]", cell):
        return cell[-1] == _DNI_LETTERS[int(cell[:8]) % 23]
    return bool(
        re.fullmatch(
            r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]|\d\d\.\d\d\.\d\d-\d{3}\.\d\d"
            r"|[A-CEGHJ-PR-TW-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]",
            cell,
        )
    )


def _is_person_name(cell: str) -> bool:
    first, _, _ = cell.partition(" ")
    if _plain(first) not in words.GIVEN_NAMES:
        return False
    return all(part[0].isalpha() for part in cell.split()) and len(cell) < 60  # noqa: PLR2004


_KINDS: dict[str, Callable[[str], bool]] = {
    "phone numbers": _matches(
        r"\+\(?[1-9][\d ().-]{7,18}\d|0[1-9]([ .-]?\d){7,9}"
        r"|003[12]\d{8,9}|00[1-9]\d{0,2}[ ().-][\d ().-]{6,14}\d"
    ),
    "birth dates": _is_birth_date,
    "bank accounts": _is_iban,
    "IP addresses": _is_ip_address,
    "national ids": _is_national_id,
    "persons' names": _is_person_name,
    "postal addresses": _matches(
        rf"[1-9]\d{{3}} ?[A-Z]{{2}}|[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}}|(?i:{_STREETS})"
    ),
}


class NameRules:
    """Tells of which personal kind the names of one header are.

    Args:
        headers: All names, as the vendor wrote them.
        of_persons: Whether the table's rows are persons.
    """

    def __init__(self, headers: Iterable[str], of_persons: bool) -> None:
        self._of_persons = of_persons
        self._languages = {
            language
            for header in headers
            for _, _, _, language in _find_words(_tokens(header))
            if language
        }

    def kind(self, header: str) -> str | None:
        """What the name reads like, with its article; None for nothing personal."""
        tokens = _tokens(header)
        if set(tokens[:1]) & words.FLAGS:
            return None
        for start, end, kind, _ in _find_words(tokens):
            about = set(tokens[end:]) & words.ABOUT
            moment = set(tokens[end:]) & words.MOMENTS and kind != "a birth date"
            if not about and not moment and not _is_of_a_thing(tokens[:start]):
                return kind
        return self._kind_of_weak(tokens)

    def _kind_of_weak(self, tokens: list[str]) -> str | None:
        """The kind by a word that means something only beside others."""
        for place, token in enumerate(tokens):
            is_last = place == len(tokens) - 1
            if not is_last or _is_of_a_thing(tokens[:place]):
                continue
            alone = len(tokens) == 1 and self._of_persons
            if token in words.NAMES and (alone or set(tokens[:place]) & words.PERSONS):
                return "a person's name"
            if token in words.NAMES and place:
                continue
            for language in sorted(self._languages):
                kind_of = words.WEAK.get(language, {})
                if token in kind_of:
                    return kind_of[token]
        if len(tokens) > 1 and tokens[0] in words.NAMES and tokens[-1] in words.PERSONS:
            return "a person's name"
        return None


class CellLook:
    """What the cells of one column look like; may be added to from several threads."""

    def __init__(self, header: str) -> None:
        tokens = _tokens(header)
        of_a_thing = _is_of_a_thing([*tokens, ""]) or "code" in tokens
        self._kinds = {
            kind: is_one
            for kind, is_one in _KINDS.items()
            if not of_a_thing or kind in ("bank accounts", "national ids")
        }
        self._lock = Lock()
        self._looked_at = 0
        self._has_email = False
        self._found: Counter[str] = Counter()

    def add(self, cells: pa.Array) -> None:
        """Look at cells, an Arrow array of strings; the empty ones are NULL."""
        has_email = self._has_email or _has_email(cells)
        sample = pc.drop_null(cells.slice(0, 4 * SAMPLE)).slice(0, SAMPLE).to_pylist()
        found = Counter(
            kind
            for cell in map(str.strip, sample)
            for kind, is_one in self._kinds.items()
            if is_one(cell)
        )
        with self._lock:
            self._has_email |= has_email
            self._looked_at += len(sample)
            self._found += found

    @property
    def kind(self) -> str | None:
        """What they look like, in the plural; None for nothing personal."""
        if self._has_email:
            return EMAIL
        ((kind, count),) = self._found.most_common(1) or [("", 0)]
        return kind if count and count >= SHARE * self._looked_at else None


def _has_email(cells: pa.Array) -> bool:
    with_at = cells.filter(pc.match_substring(cells, "@"))
    if not len(with_at):
        return False
    bare = pc.replace_substring_regex(with_at, _PICTURE, "")
    return bool(pc.any(pc.match_substring_regex(bare, _EMAIL)).as_py())


def _find_words(tokens: list[str]) -> list[tuple[int, int, str, str]]:
    """The personal words among tokens: where each starts and ends, its kind and its language."""
    found = []
    start = 0
    while start < len(tokens):
        for end in range(min(start + _LONGEST, len(tokens)), start, -1):
            word = _WORDS.get("".join(tokens[start:end]))
            if word:
                found.append((start, end, *word))
                start = end - 1
                break
        start += 1
    return found


def _is_of_a_thing(before: list[str]) -> bool:
    """Whether the nearest qualifier before a word is a thing, not a person."""
    nearest = [token for token in before if token in words.THINGS or token in words.PERSONS]
    return bool(nearest) and nearest[-1] in words.THINGS


def _tokens(header: str) -> list[str]:
    return _TOKEN.findall(_plain(_CAMEL.sub(" ", header)))


def _plain(text: str) -> str:
    """In small letters without accents."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in folded if not unicodedata.combining(sign))
