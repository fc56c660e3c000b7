"""Who may ask, by two ways to authenticate; what they may ask is `api`'s."""

import hmac

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.settings import SandboxSettings
from spaaza_source.sandbox.spaaza.refusals import no_valid_session, permission_denied

SESSION_HEADERS = (
    "x-spaaza-session-user-id",
    "x-spaaza-session-key",
    "x-spaaza-session-chain-id",
)


def require_token_or_session(call: Call, settings: SandboxSettings) -> None:
    """Accepts a privileged access token or an admin session; raises Refused for anything else."""
    authorization = call.headers.get("authorization")
    if authorization is None:
        require_session(call, settings)
        return
    expected = f"Bearer {settings.access_token_id}:{settings.access_token_secret}"
    if not same(authorization, expected):
        raise no_valid_session("The access token is not valid.")


def require_session(call: Call, settings: SandboxSettings) -> None:
    """Accepts an admin session alone, as the bulk users endpoint does."""
    user_id, key, chain = (call.headers.get(name) for name in SESSION_HEADERS)
    if user_id is None or key is None:
        raise no_valid_session("There is no valid session.")
    if not (same(user_id, settings.session_user_id) and same(key, settings.session_key)):
        raise no_valid_session("The session is not valid.")
    if chain is None:
        raise no_valid_session("The header X-Spaaza-Session-Chain-Id is missing.")
    if chain != str(settings.chain_id):
        raise permission_denied()


def require_chain(chain: int, settings: SandboxSettings) -> None:
    """The chain in a body must be the chain of the credential."""
    if chain != settings.chain_id:
        raise permission_denied()


def same(given: str, expected: str) -> bool:
    """Compares in a time that tells nothing of where two secrets differ."""
    # Bytes, because compare_digest refuses text outside ASCII and a header may hold any.
    return hmac.compare_digest(given.encode(), expected.encode())
