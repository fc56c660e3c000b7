"""Who asks Voucherify: an application's id and token, as its dashboard shows them.

Vendor document: "Authentication" (`X-App-Id`, `X-App-Token`).
"""

from __future__ import annotations

import hashlib
from typing import Any, Union

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretStrValue

from spaaza_source.errors import SettingsError
from spaaza_source.settings import sendable
from spaaza_source.transport.secret import Hidden, HiddenTexts

_WAY_OUT = "Give app_id and app_token: dashboard, Project Settings, Application Keys."


@configspec
class AppKeys(Hidden, CredentialsConfiguration):
    """A server-side key of one project."""

    app_id: TSecretStrValue = None  # type: ignore[assignment]  # dlt's way to say "required"
    app_token: TSecretStrValue = None  # type: ignore[assignment]

    def headers(self) -> HiddenTexts:
        """The two headers that the vendor asks for."""
        return HiddenTexts({"X-App-Id": str(self.app_id), "X-App-Token": str(self.app_token)})

    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return (str(self.app_token), str(self.app_id))

    def account(self) -> str:
        """A name for the key that tells nothing of it, for `export_jobs`: 12 hex digits."""
        return hashlib.sha256(str(self.app_id).encode()).hexdigest()[:12]


VoucherifyCredentials = Union[AppKeys, dict[str, str]]  # noqa: UP007 - dlt reads it at run time


def checked(credentials: Any) -> AppKeys:
    """Credentials that can be sent as headers.

    Raises:
        SettingsError: They are of another kind, or hold what no header can hold.
    """
    if not isinstance(credentials, AppKeys):
        raise SettingsError("no usable credentials", where="credentials", way_out=_WAY_OUT)
    sendable(credentials, _WAY_OUT)
    return credentials
