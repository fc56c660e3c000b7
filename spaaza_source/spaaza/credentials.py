"""Credentials for Spaaza: an access token, or an administrator's session.

Vendor documents: Tasks API reference ("Permissions and Authentication"), bulk users export
("Headers"). There is no login: the vendor mails a one-time code.
"""

from __future__ import annotations

from typing import Any

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretStrValue

from spaaza_source.errors import SettingsError
from spaaza_source.settings import check_header_values
from spaaza_source.transport import Secret, SecretHeaders

#: Characters. A token's id of this length is redacted in messages; a shorter one may be any word.
LONG_ENOUGH = 8


@configspec
class AccessToken(Secret, CredentialsConfiguration):
    """A service client's token, sent as `Authorization: Bearer ID:SECRET`."""

    access_token_id: str = None  # type: ignore[assignment]  # dlt's way to say "required"
    access_token_secret: TSecretStrValue = None  # type: ignore[assignment]

    def headers(self, chain_id: int) -> SecretHeaders:
        """The header that authenticates; the token itself belongs to one chain."""
        del chain_id
        token = f"{self.access_token_id}:{self.access_token_secret}"
        return SecretHeaders({"Authorization": f"Bearer {token}"})

    def secrets(self) -> tuple[str, ...]:
        """The texts to redact in messages."""
        token_id = str(self.access_token_id)
        ids = [token_id] if len(token_id) >= LONG_ENOUGH else []
        return (str(self.access_token_secret), *ids)


@configspec
class AdminSession(Secret, CredentialsConfiguration):
    """An administrator's session, as the login returns it."""

    session_user_id: str = None  # type: ignore[assignment]
    session_key: TSecretStrValue = None  # type: ignore[assignment]

    def headers(self, chain_id: int) -> SecretHeaders:
        """The three headers that authenticate."""
        return SecretHeaders(
            {
                "X-Spaaza-Session-User-Id": str(self.session_user_id),
                "X-Spaaza-Session-Key": str(self.session_key),
                "X-Spaaza-Session-Chain-Id": str(chain_id),
            }
        )

    def secrets(self) -> tuple[str, ...]:
        """The texts to redact in messages."""
        return (str(self.session_key),)


#: What to give: either kind, or the one that the bulk users export takes.
EITHER = "Give access_token_id and access_token_secret, or session_user_id and session_key."
SESSION = "Give session_user_id and session_key."
#: dlt uses the first whose fields it finds.
SpaazaCredentials = AccessToken | AdminSession | dict[str, str]


def require_credentials(credentials: Any) -> AccessToken | AdminSession:
    """Credentials that can be sent as headers.

    Raises:
        SettingsError: They are none, or have a character that no header can have.
    """
    if not isinstance(credentials, AccessToken | AdminSession):
        raise SettingsError("no usable credentials", where="credentials", hint=EITHER)
    check_header_values(credentials, EITHER)
    return credentials


def require_session(credentials: Any) -> AdminSession:
    """An administrator's session that can be sent as headers.

    Raises:
        SettingsError: They are none: the vendor documents no access token for the bulk users
            export. Or as above.
    """
    if not isinstance(credentials, AdminSession):
        is_token = isinstance(credentials, AccessToken)
        cause = "an access token does not export bulk users" if is_token else "no usable session"
        raise SettingsError(cause, where="credentials", hint=SESSION)
    check_header_values(credentials, SESSION)
    return credentials


def require_chain(value: Any) -> int:
    """A chain's id as a number.

    Raises:
        SettingsError: The value is no positive whole number.
    """
    try:
        chain = int(value)
    except (TypeError, ValueError):
        chain = 0
    if chain <= 0 or isinstance(value, bool | float):
        raise SettingsError(
            f"{value!r} is not a chain's id",
            where="chain_id",
            hint="Give the number that Spaaza told you. Several chains: spaaza load --chain, or a"
            " source each (docs/operations.md).",
        )
    return chain


#: What a source is made with that asks the vendor nothing, as of files: no host has such a name.
NO_VENDOR = {
    "base_url": "https://no-vendor.invalid",
    "credentials": AccessToken("none", TSecretStrValue("none")),
}
