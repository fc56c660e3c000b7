from __future__ import annotations

import pytest

from spaaza_source.exports.redaction import redact

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://bucket.example/file.csv?X-Amz-Signature={CANARY}&X-Amz-Date=1 failed",
        f"https://user:{CANARY}@host/path",
        f"Authorization: Bearer id:{CANARY}",
        f"X-Amz-Credential={CANARY}",
        f"X-Goog-Signature={CANARY}",
        f"sig={CANARY}",
        f'{{"session_key": "{CANARY}"}}',
        f"X-Spaaza-Session-Key: {CANARY}",
        f"it echoed {CANARY} back",
    ],
)
def test_nothing_that_opens_a_door_is_shown(text: str) -> None:
    assert CANARY not in redact(text, [CANARY] if "echoed" in text else [])


def test_the_rest_of_a_message_stays() -> None:
    text = "GET https://host/file.csv?a=b said no"
    assert redact(text) == "GET https://host/file.csv?*** said no"


def test_a_message_is_one_short_line() -> None:
    assert redact("one\r\ntwo\x1b[31m") == "one two [31m"
    assert len(redact("x" * 10_000)) == 400
