"""A message to a chat, where dlt's setting `runtime.slack_incoming_hook` names one.

What is told is left to whoever has loaded.
"""

from __future__ import annotations

from typing import Any

import dlt
import requests
from dlt.common import logger

#: dlt's own setting for it: a Slack webhook, or another that takes `{"text": …}`.
HOOK = "runtime.slack_incoming_hook"
#: Seconds that a chat is waited for.
PATIENCE = 10


def tell_chat(text: str) -> None:
    """Tell the chat of dlt's setting `runtime.slack_incoming_hook`; nothing where none is set.

    A chat that cannot be told keeps no load from ending well.
    """
    hook: Any = dlt.secrets.get(HOOK)
    if not hook:
        return
    try:
        requests.post(str(hook), json={"text": text}, timeout=PATIENCE).raise_for_status()
    except requests.RequestException as failure:
        # Its words hold the hook's address, which is a secret.
        status = getattr(failure.response, "status_code", None)
        told = type(failure).__name__ if status is None else f"HTTP {status}"
        logger.warning(f"the hook for messages could not be told ({told})")
