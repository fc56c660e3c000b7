"""Authentication of Spaaza's API: by access token or by admin session."""

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.settings import CHAIN_ID, CREDENTIALS, SESSION
from spaaza_source.sandbox.signing import secrets_match
from spaaza_source.sandbox.spaaza.refusals import no_valid_session, permission_denied

SESSION_HEADERS = (
    "x-spaaza-session-user-id",
    "x-spaaza-session-key",
    "x-spaaza-session-chain-id",
)


def require_token_or_session(call: Call) -> None:
    """Accept a privileged access token or an admin session; else raise RefusedError."""
    authorization = call.headers.get("authorization")
    if authorization is None:
        require_session(call)
    elif not secrets_match(authorization, f"Bearer {':'.join(CREDENTIALS.values())}"):
        raise no_valid_session("The access token is not valid.")


def require_session(call: Call) -> None:
    """Accept only an admin session, as the bulk users endpoint does."""
    user_id, key, chain = (call.headers.get(name) for name in SESSION_HEADERS)
    if user_id is None or key is None:
        raise no_valid_session("There is no valid session.")
    if not secrets_match(f"{user_id} {key}", " ".join(SESSION.values())):
        raise no_valid_session("The session is not valid.")
    if chain is None:
        raise no_valid_session("The header X-Spaaza-Session-Chain-Id is missing.")
    if chain != str(CHAIN_ID):
        raise permission_denied()


def require_own_chain(chain: int) -> None:
    """Refuse a body whose chain is not the chain of the credentials."""
    if chain != CHAIN_ID:
        raise permission_denied()
