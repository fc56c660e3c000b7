"""Lighter loads for the tests: what dlt computes from types alone is computed once for a process.

For a small load dlt asks tens of thousands of times what kind of type an annotation is, and reads
the annotations of its own classes anew: a fifth of that load's CPU. The answers depend on types
alone. Schemas it copies a hundred times. Nothing of a load, a setting or a schema is kept, and
nothing of this package is touched.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from dlt.common import validation
from dlt.common.configuration.specs import base_configuration
from dlt.common.configuration.specs.base_configuration import BaseConfiguration
from dlt.common.schema import utils as schema_utils

#: dlt's functions that tell what kind of type an annotation is.
OF_TYPES = (
    "extract_inner_hint",
    "is_base_configuration_inner_hint",
    "is_context_inner_hint",
    "is_hint_not_resolvable",
    "is_optional_type",
    "is_secret_hint",
    "is_union_type",
)


def compute_once() -> None:
    """From now on, in this process."""
    for name in OF_TYPES:
        _replace(getattr(base_configuration, name), _once)
    _replace(vars(validation)["get_type_hints"], _once_for_each_class, only=validation)
    _replace(copy.deepcopy, lambda _: _copy_tree, only=schema_utils)
    BaseConfiguration.__iter__ = _keep_names(BaseConfiguration.__iter__)  # type: ignore[method-assign]


def _replace(function: Any, make: Callable[[Any], Any], only: Any = None) -> None:
    """Put another function in its place, in each module of dlt that has it."""
    other = make(function)
    for name, module in list(sys.modules.items()):
        if module is only or (only is None and name.startswith("dlt.")):
            for held in [held for held, value in vars(module).items() if value is function]:
                setattr(module, held, other)


def _copy_tree(value: Any) -> Any:
    """What `copy.deepcopy` makes of dictionaries, lists and single values; it copies all else."""
    of = type(value)
    if of is dict:
        return {key: _copy_tree(each) for key, each in value.items()}
    if of is list:
        return [_copy_tree(each) for each in value]
    return value if of in {str, bool, int, float, type(None)} else copy.deepcopy(value)


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    known = functools.lru_cache(maxsize=None)(function)

    @functools.wraps(function)
    def answer(hint: Any, *given: Any, **named: Any) -> Any:
        try:
            return known(hint, *given, **named)
        except TypeError:
            # A type that cannot be a key.
            return function(hint, *given, **named)

    return answer


def _once_for_each_class(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    known: dict[type, dict[str, Any]] = {}

    @functools.wraps(function)
    def answer(of: type, globalns: dict[str, Any] | None = None) -> dict[str, Any]:
        if of not in known:
            known[of] = function(of, globalns=globalns)
        return known[of]

    return answer


def _keep_names(
    function: Callable[[BaseConfiguration], Iterator[str]],
) -> Callable[[BaseConfiguration], Iterator[str]]:
    known: dict[type, list[str]] = {}

    @functools.wraps(function)
    def answer(configuration: BaseConfiguration) -> Iterator[str]:
        of = type(configuration)
        if of not in known:
            known[of] = list(function(configuration))
        return iter(known[of])

    return answer


if not hasattr(BaseConfiguration.__iter__, "__wrapped__"):
    compute_once()
