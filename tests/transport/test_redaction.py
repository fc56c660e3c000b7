from __future__ import annotations

import pytest

from spaaza_source.transport.redaction import redact

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
        f"X-Amz-Security-Token={CANARY}&X-Amz-Expires=1",
        f"'X-Amz-Signature': '{CANARY}'",
        f"<Signature>{CANARY}</Signature><AWSAccessKeyId>{CANARY}</AWSAccessKeyId>",
        f"Authorization: AWS4-HMAC-SHA256 Credential={CANARY}, Signature={CANARY}",
        f"Authorization: {CANARY}",
        f"'Authorization': 'Token {CANARY}'",
        f'{{"authorization": "Bearer id:{CANARY}"}}',
        f"Bearer%20{CANARY}",
        f"Signature={CANARY}",
        f"signature%3D{CANARY}",
        f"sig: {CANARY}",
        f"token={CANARY}",
        f"access_token={CANARY}",
        f'{{"app_token": "{CANARY}"}}',
        f"X-App-Token: {CANARY}",
        f"x-app-id: {CANARY}",
        f"app_id={CANARY}",
        f"X_APP_TOKEN='{CANARY}'",
        f"X-Spaaza-Session-User-Id: {CANARY}",
        f"X-MyPrice-App-Session-Key={CANARY}",
        f"session_key => {CANARY}",
        f"access_token_secret={CANARY}",
        f"access_token_id={CANARY}",
        f"client_secret={CANARY}",
        f"password={CANARY}",
        f"api-key: {CANARY}",
        f"Cookie: session={CANARY}; other={CANARY}",
        f"Set-Cookie: session={CANARY}; Path=/",
        f"http://127.0.0.1:1/file?token={CANARY}#{CANARY}",
        f"/file/1?X-Amz-Signature={CANARY}",
        f"https://host/file#{CANARY}",
        f'{{\\"token\\": \\"{CANARY}\\"}}',
    ],
)
def test_nothing_that_opens_a_door_is_shown(text: str) -> None:
    assert CANARY not in redact(text, [CANARY] if "echoed" in text else [])


@pytest.mark.parametrize(
    "text",
    [
        "the token of this chain is not known",
        "No signature was sent; sign in again",
        "invalid_token: the session is over",
        "field 'significance' is not known; campaign_id camp_1",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert redact(text) == text


def test_the_rest_of_a_message_stays() -> None:
    text = "GET https://host/file.csv?a=b said no"
    assert redact(text) == "GET https://host/file.csv?*** said no"


def test_a_message_is_one_short_line() -> None:
    assert redact("one\r\ntwo\x1b[31m") == "one two [31m"
    assert len(redact("x" * 10_000)) == 400
