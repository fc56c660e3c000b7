"""Who asks Spaaza: an access token, or the session of an administrator.

Logging in is left out: the vendor mails a one-time code. From the vendor's Tasks API reference
("Permissions and Authentication") and the bulk users export ("Headers").
"""

from __future__ import annotations

from typing import Any, Union

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretStrValue

from spaaza_source.errors import SettingsError
from spaaza_source.settings import check_header_values
from spaaza_source.transport import Secret, SecretHeaders

#: Characters from which on a token's id is hidden in messages: a shorter one may be any word.
LONG_ENOUGH = 8


@configspec
class AccessToken(Secret, CredentialsConfiguration):
    """A service client's token, sent as `Authorization: Bearer ID:SECRET`."""

    access_token_id: str = None  # type: ignore[assignment]  # dlt's way to say "required"
    access_token_secret: TSecretStrValue = None  # type: ignore[assignment]

    def headers(self, chain_id: int) -> SecretHeaders:
        """The headers that prove who asks; the token itself belongs to one chain."""
        del chain_id
        token = f"{self.access_token_id}:{self.access_token_secret}"
        return SecretHeaders({"Authorization": f"Bearer {token}"})

    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        token_id = str(self.access_token_id)
        ids = [token_id] if len(token_id) >= LONG_ENOUGH else []
        return (str(self.access_token_secret), *ids)


@configspec
class AdminSession(Secret, CredentialsConfiguration):
    """An administrator's session, as the login returns it."""

    session_user_id: str = None  # type: ignore[assignment]
    session_key: TSecretStrValue = None  # type: ignore[assignment]

    def headers(self, chain_id: int) -> SecretHeaders:
        """The three headers that the vendor asks for."""
        return SecretHeaders(
            {
                "X-Spaaza-Session-User-Id": str(self.session_user_id),
                "X-Spaaza-Session-Key": str(self.session_key),
                "X-Spaaza-Session-Chain-Id": str(chain_id),
            }
        )

    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return (str(self.session_key),)


#: dlt takes the first whose fields it finds, and reads this at run time, on Python 3.10 too.
SpaazaCredentials = Union[AccessToken, AdminSession, dict[str, str]]  # noqa: UP007


def require_credentials(credentials: Any) -> AccessToken | AdminSession:
    """Credentials that can be sent as headers.

    Raises:
        SettingsError: They are of another kind, or hold what no header can hold.
    """
    hint = "Give access_token_id and access_token_secret, or session_user_id and session_key."
    if not isinstance(credentials, AccessToken | AdminSession):
        raise SettingsError("no usable credentials", where="credentials", hint=hint)
    check_header_values(credentials, hint)
    return credentials


def require_chain(value: Any) -> int:
    """A chain's id as a number.

    Raises:
        SettingsError: It is none.
    """
    try:
        chain = int(value)
    except (TypeError, ValueError):
        chain = 0
    if chain <= 0 or isinstance(value, bool | float):
        raise SettingsError(
            f"{value!r} is not a chain's id",
            where="chain_id",
            hint="Give the number that Spaaza named to you.",
        )
    return chain
