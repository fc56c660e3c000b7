"""The keys that are set in the environment and in dlt's files, and what dlt itself reads of them.

All that leans on dlt's inside for this stands here; `tests/configuration/test_dlt_keys.py` watches
what dlt really looks up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import CustomLoaderDocProvider
from dlt.common.configuration.providers.toml import SettingsTomlProvider
from dlt.common.configuration.specs import known_sections
from dlt.common.configuration.specs.base_configuration import BaseConfiguration
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.data_writers.buffered import BufferedDataWriter
from dlt.common.destination.configuration import (
    CsvFormatConfiguration,
    ParquetFormatConfiguration,
)
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.configuration import SchemaConfiguration
from dlt.common.typing import get_all_types_of_class_in_union
from dlt.extract.pipe_iterator import PipeIterator

from spaaza_source.configuration.vendor_profile import PROFILE

#: Between two sections in the name of an environment variable.
SEPARATOR = "__"
SOURCES = known_sections.SOURCES
#: Read for a schema by its name alone, not for one of several sources of a section.
SCHEMA = known_sections.SCHEMA

#: By name, the configurations that a setting may be; none for one that is a plain value.
Settings = Mapping[str, Sequence[type[BaseConfiguration]]]
#: What dlt reads while a source of any kind is made and extracted.
OF_DLT: Settings = {
    known_sections.EXTRACT: (PipeIterator.PipeIteratorConfiguration,),
    known_sections.DATA_WRITER: (
        BufferedDataWriter.BufferedDataWriterConfiguration,
        ParquetFormatConfiguration,
        CsvFormatConfiguration,
    ),
    SCHEMA: (SchemaConfiguration,),
}


@dataclass(frozen=True)
class GivenKey:
    """A key that is set somewhere; never its value.

    Attributes:
        path: Its sections and its name, as dlt takes them apart.
        typed: As the user wrote it.
        place: Where: the environment, or a file's name.
        in_environment: Whether it is a variable, whose value can have no keys of its own.
    """

    path: tuple[str, ...]
    typed: str
    place: str
    in_environment: bool = False

    @property
    def is_found(self) -> bool:
        """Whether dlt finds it under its path: of a variable's name it asks for capitals."""
        return not self.in_environment or self.typed == self.typed.upper()


def given_keys() -> Iterator[GivenKey]:
    """The keys of the environment that may be meant for this package, and all of dlt's files.

    In the order in which dlt looks into them: the vendor profile last.
    """
    for name in os.environ:
        if SEPARATOR in name or name.upper().startswith(("SOURCE", "SPA")):
            path = tuple(name.lower().split(SEPARATOR))
            yield GivenKey(path, name, "the environment", in_environment=True)
    for provider in Container()[PluggableRunContext].providers.providers:
        if isinstance(provider, SettingsTomlProvider) and not provider.is_empty:
            for path in _paths(provider._config_doc):  # noqa: SLF001 - one key alone can be asked for
                place = provider.get_value_location(path[-1], None, *path[:-1]) or provider.name
                yield GivenKey(path, ".".join(path), place)
        elif isinstance(provider, CustomLoaderDocProvider) and provider.name == PROFILE:
            for path in _paths(provider._config_doc):  # noqa: SLF001 - as above
                yield GivenKey(path, ".".join(path), PROFILE)


def find_override(setting: str, section: str, source: str) -> tuple[GivenKey, Any] | None:
    """The key that dlt takes a setting from before it looks into the vendor profile, and its value.

    Args:
        setting: Its name.
        section: The section of the source whose setting it is.
        source: The source's name.
    """
    own = ((SOURCES, section, source), (SOURCES, section), (SOURCES, source), (SOURCES,), ())
    places = [(*sections, setting) for sections in own]
    found: list[tuple[int, GivenKey]] = []
    bare = setting.upper()
    alone = [GivenKey((setting,), bare, "the environment", in_environment=True)]
    for key in (*(alone if bare in os.environ else ()), *given_keys()):
        # A file's table is a dict, whose keys are each given.
        number = next((n for n, path in enumerate(places) if key.path[: len(path)] == path), None)
        is_first = not found or found[0][1].place == key.place
        if number is not None and key.place != PROFILE and key.is_found and is_first:
            found.append((number, key))
    if not found:
        return None
    number, key = min(found, key=lambda each: each[0])
    return key, dlt.config.get(".".join(places[number]))


def settings_of(spec: type[BaseConfiguration]) -> dict[str, Sequence[type[BaseConfiguration]]]:
    """The settings of a source, by what dlt made of its signature."""
    return {
        name: get_all_types_of_class_in_union(hint, BaseConfiguration)
        for name, hint in spec.get_resolvable_fields().items()
    }


def fields_of(*kinds: type[BaseConfiguration]) -> frozenset[str]:
    """The names of the fields of configurations."""
    names = (name for kind in kinds for name in kind.get_resolvable_fields())
    return frozenset(name for name in names if not name.startswith("_"))


def active_pipeline() -> str | None:
    """The pipeline whose name may stand before a key; None while none is active."""
    context = Container()[PipelineContext]
    return context.pipeline().pipeline_name if context.is_active() else None


def _paths(node: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _paths(value, (*above, name))
        else:
            yield (*above, name)
