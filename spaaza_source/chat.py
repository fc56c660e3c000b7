"""Messages to a chat, by the webhook of dlt's setting `runtime.slack_incoming_hook`."""

from __future__ import annotations

from typing import Any

import dlt
import requests
from dlt.common import logger

#: dlt's own setting: a Slack webhook, or another that accepts `{"text": …}`.
HOOK = "runtime.slack_incoming_hook"
#: Seconds to connect, and seconds to wait for an answer.
TIMEOUT = 10


def tell_chat(text: str) -> None:
    """Send a message to the webhook of dlt's setting `runtime.slack_incoming_hook`, if it is set.

    A failure to send it is logged, and fails no load.
    """
    hook: Any = dlt.secrets.get(HOOK)
    if not hook:
        return
    try:
        requests.post(str(hook), json={"text": text}, timeout=TIMEOUT).raise_for_status()
    except requests.RequestException as failure:
        # Its text holds the webhook's address, which is a secret.
        status = getattr(failure.response, "status_code", None)
        cause = type(failure).__name__ if status is None else f"HTTP {status}"
        logger.warning(f"the message could not be sent to the chat's webhook ({cause})")
