"""Messages to a chat, by the webhook of dlt's setting `runtime.slack_incoming_hook`."""

from __future__ import annotations

import threading
from typing import Any

import dlt
import requests
from dlt.common import logger

#: dlt's own setting: a Slack webhook, or another that accepts `{"text": …}`.
HOOK = "runtime.slack_incoming_hook"
#: Seconds to connect, and seconds to wait for an answer.
TIMEOUT = 10.0
#: Seconds for all of it: an answer may come byte by byte.
LONGEST = 30.0


def tell_chat(text: str) -> None:
    """Send a message to the webhook of dlt's setting `runtime.slack_incoming_hook`, if it is set.

    A failure to send it is logged, and fails no load.
    """
    hook: Any = dlt.secrets.get(HOOK)
    if not hook:
        return
    # A daemon: whatever the webhook does, the load ends.
    sender = threading.Thread(target=_send, args=(str(hook), text), name="chat", daemon=True)
    sender.start()
    sender.join(LONGEST)
    if sender.is_alive():
        _warn("no answer")


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - its interface
        """Nowhere: without this the whole body of a redirect is read."""
        return


def _send(hook: str, text: str) -> None:
    try:
        with (
            _Session() as session,
            # The body of the answer says nothing, and is not read.
            session.post(hook, json={"text": text}, timeout=TIMEOUT, stream=True) as answer,
        ):
            if not 200 <= answer.status_code < 300:  # noqa: PLR2004 - HTTP's own numbers
                _warn(f"HTTP {answer.status_code}")
    except requests.RequestException as failure:
        # Its text holds the webhook's address, which is a secret.
        _warn(type(failure).__name__)


def _warn(cause: str) -> None:
    logger.warning(f"the message could not be sent to the chat's webhook ({cause})")
