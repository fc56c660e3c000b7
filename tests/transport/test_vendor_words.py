"""A vendor's error shows its words, in whatever form it is told, and none of a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spaaza_source.errors import SpaazaSourceError
from spaaza_source.spaaza.credentials import AccessToken
from spaaza_source.spaaza.tasks_api import TasksApi, make_client
from spaaza_source.spaaza.tasks_api import read_refusal as spaazas
from spaaza_source.transport import vendor_words
from spaaza_source.voucherify.exports_api import read_refusal as voucherifys
from tests.vendors.server import Answer, ScriptedServer

WORDS = "no such store"
BODIES: list[tuple[Any, str]] = [
    ({"error": {"message": WORDS}}, WORDS),
    ({"error": WORDS}, WORDS),
    ({"error": {"code": 5, "name": "bad_store", "description": WORDS}}, f"bad_store, {WORDS}"),
    ({"errors": {"5": {"name": "bad_store", "description": WORDS}}}, f"bad_store, {WORDS}"),
    ({"errors": [{"detail": WORDS}, {"detail": "again"}]}, f"{WORDS}, again"),
    ({"errors": [WORDS]}, WORDS),
    ({"errors": {"store": ["is not there"]}}, "store: is not there"),
    ({"message": WORDS}, WORDS),
    ({"message": {"text": WORDS}}, f"text: {WORDS}"),
    ({"detail": WORDS}, WORDS),
    ({"detail": [{"loc": ["body"], "msg": WORDS}]}, WORDS),
    ({"title": "Bad Request", "status": 400, "detail": WORDS}, f"Bad Request, {WORDS}"),
    ({"error": "invalid_request", "error_description": WORDS}, f"{WORDS}, invalid_request"),
    ({"fault": {"faultstring": WORDS}}, WORDS),
    ({"result": {"error": {"extrainfo": {"msg": WORDS}}}}, WORDS),
    ([{"message": WORDS}], WORDS),
    (WORDS, WORDS),
    ({"unheard_of": WORDS}, '{"unheard_of": "no such store"}'),
    ({"code": 5}, '{"code": 5}'),
    ({}, ""),
    ([], ""),
    (None, ""),
    ({"error": {}}, '{"error": {}}'),
]


@pytest.mark.parametrize(("body", "words"), BODIES, ids=str)
def test_the_words_of_an_error_are_found_in_any_json(body: Any, words: str) -> None:
    assert vendor_words(body) == words
    assert spaazas(body)[0] == voucherifys(body)[0] == words


def test_a_deep_or_endless_error_is_cut() -> None:
    deep: Any = WORDS
    for _ in range(500):
        deep = {"error": deep}
    assert len(vendor_words(deep)) < 25_000
    assert len(vendor_words({"errors": [{"message": "x" * 9_000}] * 9_000})) <= 20_000


TEXTS = [
    ("text/plain", f"{WORDS}\n", WORDS),
    ("text/html", "<html><head><title>Bad &amp; broken</title></head>body</html>", "Bad & broken"),
    ("text/html", "<h1> Down </h1>", "Down"),
    ("text/html", "<p>nothing", ""),
    ("application/xml", f"<Error><Code>1</Code><Message>{WORDS}</Message></Error>", WORDS),
    ("application/json", "", ""),
    ("application/problem+json", json.dumps({"title": WORDS}), WORDS),
]


@pytest.mark.parametrize(("kind", "text", "words"), TEXTS)
def test_so_are_those_of_pages_and_texts(kind: str, text: str, words: str) -> None:
    answer = Answer(400, f"{text}".encode(), {"Content-Type": kind})
    with ScriptedServer(lambda _: answer) as server:
        api = TasksApi(make_client(server.base_url, 1, AccessToken("the-id", "canary")))
        with pytest.raises(SpaazaSourceError) as refused:
            api.list_tasks(limit=1)
    told = f"HTTP 400: {words}" if words else "HTTP 400"
    assert refused.value.cause == f"the vendor refused the request ({told})"


def test_no_secret_is_among_them() -> None:
    text = f"Bearer the-token-id:canary is wrong, see https://x.example/a?sig=canary: {WORDS}"
    answer = Answer.json({"errors": {"a": [{"reason": text}]}}, 400)
    with ScriptedServer(lambda _: answer) as server:
        api = TasksApi(make_client(server.base_url, 1, AccessToken("the-token-id", "canary")))
        with pytest.raises(SpaazaSourceError, match=WORDS) as refused:
            api.list_tasks(limit=1)
    assert "canary" not in str(refused.value)
    assert "the-token-id" not in str(refused.value)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_of_certificates_that_is_not_there_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "/nowhere/ca.pem")
    api = TasksApi(make_client("https://services.example", 1, AccessToken("the-id", "canary")))
    with pytest.raises(SpaazaSourceError, match=rf"{variable}: .*'/nowhere/ca.pem'") as refused:
        api.list_tasks(limit=1)
    assert refused.value.hint
