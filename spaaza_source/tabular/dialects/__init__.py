"""The declared dialects of users' files: what can be declared, and what their values mean."""

from spaaza_source.tabular.dialects.dialect import (
    NO_QUOTE,
    RFC_4180,
    Declared,
    Dialect,
    advise,
    ask_to_declare,
)
from spaaza_source.tabular.dialects.value_forms import standard_forms

__all__ = [
    "NO_QUOTE",
    "RFC_4180",
    "Declared",
    "Dialect",
    "advise",
    "ask_to_declare",
    "standard_forms",
]
