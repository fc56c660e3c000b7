"""Reads the body of a request for an export, strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.fields import Fields, InvalidFieldError, read_object
from spaaza_source.sandbox.settings import OBJECTS
from spaaza_source.sandbox.voucherify.filters import Condition, RowFilters, read_filters
from spaaza_source.sandbox.voucherify.objects import (
    DEFAULT_FIELDS,
    FIELDS,
    METADATA,
    ORDERS,
    WITH_METADATA,
    has_field,
)
from spaaza_source.sandbox.voucherify.refusals import invalid_fields, invalid_payload


@dataclass(frozen=True)
class SandboxRequest:
    """A valid body: which object, which fields and rows, in what order."""

    exported_object: str
    parameters: Mapping[str, Any]
    fields: tuple[str, ...]
    filters: tuple[RowFilters, ...]
    """A row must match all."""
    order: str | None


def read_request(call: Call) -> SandboxRequest:
    """The body of `POST /v1/exports`.

    Raises:
        InvalidFieldError: A field is wrong.
        RefusedError: There is no such object, or no such field of it.
    """
    body = read_object(call)
    body.allow("exported_object", "parameters")
    exported_object = body.text("exported_object")
    if exported_object not in OBJECTS:
        allowed = ", ".join(OBJECTS)
        raise invalid_payload(
            f"Property .exported_object should be equal to one of the allowed values [ {allowed} ]"
        )
    parameters = body.fields("parameters") if "parameters" in body else Fields({}, "parameters")
    parameters.allow("order", "fields", "filters", "campaign_id")
    return SandboxRequest(
        exported_object=exported_object,
        parameters=parameters.values,
        fields=_read_fields(parameters, exported_object),
        filters=_read_row_filters(parameters, exported_object),
        order=_read_order(parameters, exported_object),
    )


def _read_fields(parameters: Fields, exported_object: str) -> tuple[str, ...]:
    if "fields" not in parameters:
        return DEFAULT_FIELDS[exported_object]
    names = parameters.list("fields")
    where = parameters.where("fields")
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidFieldError(where, "must be an array of strings that is not empty")
    if len(set(names)) < len(names):
        raise InvalidFieldError(where, "names a field twice")
    if not all(has_field(exported_object, name) for name in names):
        more = (METADATA,) if exported_object in WITH_METADATA else ()
        raise invalid_fields(", ".join(FIELDS[exported_object] + more))
    return tuple(names)


def _read_row_filters(parameters: Fields, exported_object: str) -> tuple[RowFilters, ...]:
    filters = []
    if "filters" in parameters:
        filters.append(read_filters(parameters.fields("filters"), exported_object))
    if "campaign_id" in parameters:
        campaign = parameters.text("campaign_id")
        if exported_object != "voucher":
            raise parameters.error("campaign_id", "belongs to an export of vouchers")
        filters.append(RowFilters(fields=((Condition("campaign_id", texts=(campaign,)),),)))
    return tuple(filters)


def _read_order(parameters: Fields, exported_object: str) -> str | None:
    if "order" not in parameters:
        return None
    known = ORDERS[exported_object]
    return parameters.one_of("order", (*known, *(f"-{name}" for name in known)))
