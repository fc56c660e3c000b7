"""Request bodies, read strictly as the documents show them; segments are left to `segments`.

Strict means: a field that no document shows, a wrong type or a missing field is refused with its
path in the message (the vendor's export guides). `trigger.user_list` is
named by the vendor but nowhere described, so it is refused as well.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.fields import Fields
from spaaza_source.sandbox.instants import last_microsecond, nanoseconds
from spaaza_source.sandbox.settings import INDEXES, SandboxSettings
from spaaza_source.sandbox.spaaza.authentication import require_chain
from spaaza_source.sandbox.spaaza.refusals import invalid
from spaaza_source.sandbox.spaaza.segments import Segment, read_segment
from spaaza_source.sandbox.spaaza.shop import Shop

FORMATS = ("csv", "json")
REPEATS = ("daily", "weekly", "monthly")


@dataclass(frozen=True)
class Order:
    """A create body that was found right: what to export, how, when and of which rows."""

    chain: int
    desc: str
    debug: str
    trigger: Mapping[str, Any]
    target: Mapping[str, Any]
    index: str
    export_format: str
    once: datetime
    repeat: str | None
    segment: Segment | None


def read_order(call: Call, settings: SandboxSettings, shop: Shop) -> Order:
    """The body of `POST /tasks`; raises Refused naming the first field that is wrong."""
    body = object_of(call)
    body.allow("chain", "desc", "target", "trigger", "debug")
    chain = body.integer("chain")
    require_chain(chain, settings)
    desc = body.text("desc")
    debug = body.text("debug") if "debug" in body else ""
    target = body.fields("target")
    target.allow("action", "export_index", "export_format")
    target.one_of("action", ("export",))
    index = target.one_of("export_index", INDEXES)
    export_format = target.one_of("export_format", FORMATS)
    trigger = body.fields("trigger")
    trigger.allow("once", "repeat", "segment", "segment_id")
    return Order(
        chain=chain,
        desc=desc,
        debug=debug,
        trigger=trigger.values,
        target=target.values,
        index=index,
        export_format=export_format,
        once=_once(trigger),
        repeat=trigger.one_of("repeat", REPEATS) if "repeat" in trigger else None,
        segment=_segment(trigger, index, settings, shop.schema(index)),
    )


def read_bulk_users(call: Call, settings: SandboxSettings) -> None:
    """The body of the bulk users endpoint, which the vendor wants exactly as in its document."""
    body = object_of(call)
    body.allow("entity", "chain_id", "join", "rules")
    body.one_of("entity", ("people",))
    require_chain(body.integer("chain_id"), settings)
    body.one_of("join", ("all",))
    if body.list("rules"):
        raise invalid("rules", "only an empty list is supported")


def object_of(call: Call) -> Fields:
    """The JSON object that a body is; raises Refused for any other body."""
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise invalid("Content-Type", "must be application/json")
    try:
        body = json.loads(call.body, parse_constant=_no_constant)
    except ValueError:
        raise invalid("body", "is not valid JSON") from None
    if not isinstance(body, dict):
        raise invalid("body", "must be a JSON object")
    return Fields(body, "")


def _no_constant(name: str) -> None:
    # Python's reader accepts NaN and Infinity, JSON does not.
    raise ValueError(name)


def _once(trigger: Fields) -> datetime:
    try:
        moment = last_microsecond(nanoseconds(trigger.text("once")))
    except ValueError as error:
        raise invalid("trigger.once", str(error)) from None
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=moment)


def _segment(
    trigger: Fields, index: str, settings: SandboxSettings, schema: pa.Schema
) -> Segment | None:
    if "segment" in trigger and "segment_id" in trigger:
        raise invalid("trigger", "has both segment and segment_id, where one is allowed")
    if "segment" in trigger:
        return read_segment(trigger.fields("segment"), index, settings, schema)
    if "segment_id" not in trigger:
        return None
    saved = settings.saved_segments.get(trigger.text("segment_id"))
    if saved is None:
        raise invalid("trigger.segment_id", "no such saved segment")
    return read_segment(Fields(dict(saved), "trigger.segment_id"), index, settings, schema)
