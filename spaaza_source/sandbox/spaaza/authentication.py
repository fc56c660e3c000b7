"""Authentication of Spaaza's API: by access token or by admin session."""

from collections.abc import Sequence

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.settings import SESSION, credentials_of
from spaaza_source.sandbox.signing import secrets_match
from spaaza_source.sandbox.spaaza.refusals import no_valid_session, permission_denied

SESSION_HEADERS = (
    "x-spaaza-session-user-id",
    "x-spaaza-session-key",
    "x-spaaza-session-chain-id",
)


def require_token_or_session(call: Call, chains: Sequence[int]) -> int:
    """The chain of a privileged access token or an admin session; without one raise RefusedError.

    Args:
        call: The request.
        chains: The chains that there are.
    """
    authorization = call.headers.get("authorization")
    if authorization is None:
        return require_session(call, chains)
    for chain in chains:
        if secrets_match(authorization, f"Bearer {':'.join(credentials_of(chain).values())}"):
            return chain
    raise no_valid_session("The access token is not valid.")


def require_session(call: Call, chains: Sequence[int]) -> int:
    """The chain of an admin session; only that, as the bulk users endpoint wants it."""
    user_id, key, chain = (call.headers.get(name) for name in SESSION_HEADERS)
    if user_id is None or key is None:
        raise no_valid_session("There is no valid session.")
    if not secrets_match(f"{user_id} {key}", " ".join(SESSION.values())):
        raise no_valid_session("The session is not valid.")
    if chain is None:
        raise no_valid_session("The header X-Spaaza-Session-Chain-Id is missing.")
    for own in chains:
        if chain == str(own):
            return own
    raise permission_denied()


def require_own_chain(chain: int, own: int) -> None:
    """Refuse a body whose chain is not the chain of the credentials."""
    if chain != own:
        raise permission_denied()
