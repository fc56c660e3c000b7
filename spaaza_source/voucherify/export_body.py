"""Exports by a body of `/exports` as a user wrote it: sent as it is.

Vendor document: the export guide, which prints such bodies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dlt

from spaaza_source.configuration import with_settings
from spaaza_source.errors import HeaderError, wrong_kind
from spaaza_source.exports import ExportRequest, Job
from spaaza_source.transport import parse_base_url
from spaaza_source.voucherify.credentials import AppKeys, VoucherifyCredentials, require_keys
from spaaza_source.voucherify.export_service import VoucherifyExports, read_parameters
from spaaza_source.voucherify.exports_api import ExportsApi, make_client
from spaaza_source.voucherify.header_labels import match_fields
from spaaza_source.voucherify.objects import OBJECTS


@with_settings("voucherify")
def _read_account(
    base_url: str = "https://api.voucherify.io",
    credentials: VoucherifyCredentials = dlt.secrets.value,
) -> tuple[str, AppKeys]:
    return parse_base_url(base_url), require_keys(credentials)


class ExportOfBody(VoucherifyExports):
    """An `ExportService` whose exports have one body, which nothing is added to.

    Args:
        body: The body of `POST /v1/exports`, in the vendor's words.
        base_url: As for `voucherify_source`.
        credentials: As for `voucherify_source`.

    Attributes:
        request: What the body asks for.

    Raises:
        SettingsError: The body is no export; or a setting is missing or wrong.
    """

    def __init__(self, body: Mapping[str, Any], **account: Any) -> None:
        subject, parameters = body["exported_object"], body.get("parameters")
        if not isinstance(subject, str) or not re.fullmatch(r"\w{1,64}", subject):
            raise wrong_kind("exported_object", subject, "the name of an object")
        if not isinstance(parameters, Mapping | None):
            raise wrong_kind("parameters", parameters, "an object")
        fields = (parameters or {}).get("fields")
        if fields is not None and not (
            isinstance(fields, list | tuple) and all(isinstance(name, str) for name in fields)
        ):
            raise wrong_kind("parameters.fields", fields, "a list of names")
        address, keys = _read_account(**account)
        super().__init__(ExportsApi(make_client(address, keys)), keys)
        self._body = body
        table = next((one.table for one in OBJECTS.values() if one.exported_object == subject), "")
        self.request = ExportRequest(
            table or subject,
            subject,
            keys.account(),
            # As the list of exports is read, so that the same export has the same fingerprint.
            selection=read_parameters(parameters or {}) or dict(parameters or {}),
        )

    def create(self, request: ExportRequest, later: timedelta = timedelta(0)) -> Job:
        """Create the export; sent once."""
        del request, later
        more = {name: value for name, value in self._body.items() if name != "exported_object"}
        parameters = more.pop("parameters", None)
        return self._job(self._api.create(self.request.subject, parameters, **more))

    def name_header(self, header: Sequence[str]) -> Sequence[str]:
        """The requested fields that the labels of a file stand for; the labels, if in doubt."""
        fields = (self._body.get("parameters") or {}).get("fields") or ()
        try:
            return match_fields(self.request.subject, fields, header)
        except HeaderError:
            # Without a table, nothing mistakes one column for another.
            return header
