"""Reads the bodies of Spaaza's requests, strictly as the vendor's export guides show them.

A field that no document shows, a wrong type or a missing field is refused with its path in the
message. The vendor names `trigger.user_list` but describes it nowhere, so it is refused too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.fields import Fields, InvalidFieldError, read_object
from spaaza_source.sandbox.instants import EPOCH
from spaaza_source.sandbox.settings import INDEXES, SandboxSettings
from spaaza_source.sandbox.spaaza.authentication import require_own_chain
from spaaza_source.sandbox.spaaza.segments import RowSegment, read_segment
from spaaza_source.sandbox.spaaza.shop import Shop

FORMATS = ("csv", "json")
REPEATS = ("daily", "weekly", "monthly")


@dataclass(frozen=True)
class Order:
    """A valid create body: what to export, how, when and which rows."""

    chain: int
    body: Mapping[str, Any]
    """As it came; a task object shows all of it."""
    index: str
    export_format: str
    once: datetime
    repeat: str | None
    segment: RowSegment


def read_order(call: Call, settings: SandboxSettings, shop: Shop, chain: int) -> Order:
    """The body of `POST /tasks`; raises InvalidFieldError for the first field that is wrong.

    Args:
        call: The request.
        settings: The sandbox's.
        shop: What has the columns of the indexes.
        chain: The chain of the credentials.
    """
    body = read_object(call)
    body.allow("chain", "desc", "target", "trigger", "debug")
    require_own_chain(body.integer("chain"), chain)
    body.text("desc")
    if "debug" in body:
        body.text("debug")
    target = body.fields("target")
    target.allow("action", "export_index", "export_format")
    target.one_of("action", ("export",))
    index = target.one_of("export_index", INDEXES)
    export_format = target.one_of("export_format", FORMATS)
    trigger = body.fields("trigger")
    trigger.allow("once", "repeat", "segment", "segment_id")
    once = EPOCH + timedelta(microseconds=trigger.instant("once") // 1000)
    repeat = trigger.one_of("repeat", REPEATS) if "repeat" in trigger else None
    segment = _read_segment(trigger, index, settings, shop.schema(index), chain)
    return Order(chain, body.values, index, export_format, once, repeat, segment)


def read_bulk_users(call: Call, chain: int) -> None:
    """Check the body of the bulk users endpoint: the vendor wants it exactly as documented."""
    body = read_object(call)
    body.allow("entity", "chain_id", "join", "rules")
    body.one_of("entity", ("people",))
    require_own_chain(body.integer("chain_id"), chain)
    body.one_of("join", ("all",))
    if body.list("rules"):
        raise InvalidFieldError("rules", "only an empty list is supported")


def _read_segment(
    trigger: Fields, index: str, settings: SandboxSettings, schema: pa.Schema, chain: int
) -> RowSegment:
    if "segment" in trigger and "segment_id" in trigger:
        raise InvalidFieldError("trigger", "has both segment and segment_id, where one is allowed")
    if "segment" in trigger:
        return read_segment(trigger.fields("segment"), index, schema, chain)
    if "segment_id" not in trigger:
        return RowSegment("all", ())
    saved = settings.saved_segments.get(trigger.text("segment_id"))
    if saved is None:
        raise InvalidFieldError("trigger.segment_id", "no such saved segment")
    return read_segment(Fields(dict(saved), "trigger.segment_id"), index, schema, chain)
