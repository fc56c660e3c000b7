"""Credentials for Voucherify: an application's id and token, as its dashboard shows them.

Vendor document: "Authentication" (`X-App-Id`, `X-App-Token`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretStrValue

from spaaza_source.errors import SettingsError
from spaaza_source.settings import check_header_values
from spaaza_source.transport import Secret, SecretHeaders

_HINT = "Give app_id and app_token: dashboard, Project Settings, Application Keys."


@configspec
class AppKeys(Secret, CredentialsConfiguration):
    """A server-side key of one project."""

    app_id: TSecretStrValue = None  # type: ignore[assignment]  # dlt's way to say "required"
    app_token: TSecretStrValue = None  # type: ignore[assignment]

    def headers(self) -> SecretHeaders:
        """The two headers that authenticate."""
        return SecretHeaders({"X-App-Id": str(self.app_id), "X-App-Token": str(self.app_token)})

    def secrets(self) -> tuple[str, ...]:
        """The texts to redact in messages."""
        return (str(self.app_token), str(self.app_id))

    def account(self) -> str:
        """A hash of the id that stands for the account in `export_jobs`: 12 hex digits."""
        return hashlib.sha256(str(self.app_id).encode()).hexdigest()[:12]


VoucherifyCredentials = AppKeys | dict[str, str]


def require_keys(credentials: Any) -> AppKeys:
    """Credentials that can be sent as headers.

    Raises:
        SettingsError: They are none, or have a character that no header can have.
    """
    if not isinstance(credentials, AppKeys):
        raise SettingsError("no usable credentials", where="credentials", hint=_HINT)
    check_header_values(credentials, _HINT)
    return credentials
