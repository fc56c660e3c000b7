"""A vendor's source: as dlt's, with every setting of its section checked first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from dlt.common.configuration import with_config
from dlt.extract import DltSource
from dlt.extract.decorators import DltSourceFactoryWrapper
from dlt.extract.reference import SourceFactory

from spaaza_source.configuration.config_errors import SECTIONS, checked_settings
from spaaza_source.configuration.given_keys import SOURCES, settings_of
from spaaza_source.configuration.known_keys import KnownKeys
from spaaza_source.configuration.vendor_profile import obey_profile

#: What the names of several sources of a section begin with, before a number.
NUMBERED = "chain_"

#: The names of the settings that the source that is being made was called with.
_ARGUMENTS: ContextVar[frozenset[str]] = ContextVar("_ARGUMENTS", default=frozenset())

#: By section: what its sources are called with where they ask no vendor, unless it is given.
WITHOUT_VENDOR: dict[str, Mapping[str, Any]] = {}

P = ParamSpec("P")
T = TypeVar("T")


def vendor_source(
    section: str, without_vendor: Mapping[str, Any] = MappingProxyType({})
) -> Callable[[Callable[P, Any]], SourceFactory[P, DltSource]]:
    """Make a dlt source of a function, named after its section of dlt's configuration.

    Its arguments are the settings that may be under `sources.<section>`. Several sources may have
    one section.

    Args:
        section: The section.
        without_vendor: Arguments that need not be set for a source that is called with `files`, so
            that it asks no vendor.
    """
    WITHOUT_VENDOR[section] = {**WITHOUT_VENDOR.get(section, {}), **without_vendor}

    def decorate(function: Callable[P, Any]) -> SourceFactory[P, DltSource]:
        factory: _CheckedSource[P] = _CheckedSource()
        source = factory.clone(name=section, section=section).bind(function)
        SECTIONS.setdefault(section, {}).update(settings_of(source.ref.SPEC))
        return source

    return decorate


def with_settings(
    section: str, name: str | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Give a function the settings of a section as its arguments, as its source gets them.

    Args:
        section: The section's name.
        name: That of the source; the section's unless given.
    """
    source = name or section

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        configured: Any = with_config(function, sections=(SOURCES, section, source))
        signature = inspect.signature(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            arguments = signature.bind_partial(*args, **kwargs).arguments
            obey_profile(section, source, arguments.get("base_url"))
            with checked_settings(_known(section, source), arguments):
                result: T = configured(**arguments)
            return result

        return call

    return decorate


def is_argument(setting: str) -> bool:
    """Whether the source that is being made was called with a setting: it is for no other source.

    Args:
        setting: Its name.
    """
    return setting in _ARGUMENTS.get()


class _CheckedSource(DltSourceFactoryWrapper[P, DltSource]):
    """A source that checks the settings of its section before dlt reads them."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> DltSource:
        arguments = inspect.signature(self._f).bind_partial(*args, **kwargs).arguments
        # A clone may have a section of its own, with the same settings.
        SECTIONS.setdefault(self.section, settings_of(self.ref.SPEC))
        before = _ARGUMENTS.set(frozenset(arguments))
        address = arguments.get("base_url")
        # A dialect is for files alone: where these are missing, that is what is told.
        if arguments.get("files") or arguments.get("dialect"):
            arguments = {**WITHOUT_VENDOR.get(self.section, {}), **arguments}
        try:
            obey_profile(self.section, self.name, address)
            with checked_settings(_known(self.section, self.name), arguments):
                return super().__call__(**arguments)
        finally:
            _ARGUMENTS.reset(before)


def _known(section: str, name: str) -> KnownKeys:
    return KnownKeys(section, SECTIONS[section], name, NUMBERED)
