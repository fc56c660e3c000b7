"""Users' own files: the dialects that can be declared, what values mean in them, rows of totals."""

from spaaza_source.tabular.dialects.dialect import NO_QUOTE, RFC_4180, Declared, Dialect, advise
from spaaza_source.tabular.dialects.value_forms import standard_forms

__all__ = ["NO_QUOTE", "RFC_4180", "Declared", "Dialect", "advise", "standard_forms"]
