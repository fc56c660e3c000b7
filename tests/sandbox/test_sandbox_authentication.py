"""Who may ask: a token or an admin session, of the right chain."""

from collections.abc import Iterator

import pytest

from tests.sandbox.sandbox_client import Client, Clock, running, task_body


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with running(rows=5) as client:
        client.create()
        yield client


ENDPOINTS = [
    ("GET", "/tasks"),
    ("POST", "/tasks"),
    ("GET", "/tasks/12001"),
    ("POST", "/tasks/12001/execute"),
    ("GET", "/tasks/12001/download_url"),
    ("POST", "/segments/export/users"),
    ("POST", "/segments/export/users.csv"),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_every_endpoint_refuses_a_stranger(client: Client, method: str, path: str) -> None:
    ask = client.get if method == "GET" else client.post
    wrong = {**client.admin, "X-Spaaza-Session-Key": "wrong"}
    for headers in ({}, {"Authorization": "Bearer a:b"}, wrong):
        answer = ask(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == 6
        assert answer.json()["error"]["name"] == "no_valid_session"


def test_an_admin_session_may_do_what_a_token_may(client: Client) -> None:
    assert client.get("/tasks", headers=client.admin).status_code == 200
    assert client.post("/tasks", task_body(), headers=client.admin).status_code == 201


def test_a_session_must_name_its_chain(client: Client) -> None:
    headers = dict(client.admin)
    del headers["X-Spaaza-Session-Chain-Id"]
    answer = client.get("/tasks", headers=headers)
    assert answer.status_code == 401
    assert "X-Spaaza-Session-Chain-Id" in answer.json()["error"]["description"]


def test_another_chain_is_an_internal_error_as_at_the_vendor(client: Client) -> None:
    in_header = {**client.admin, "X-Spaaza-Session-Chain-Id": "1783"}
    for answer in (
        client.get("/tasks", headers=in_header),
        client.post("/tasks", task_body(chain=1783)),
    ):
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == 68
        assert answer.json()["error"]["name"] == "permission_denied_or_non_existent"


def test_a_wrong_token_is_not_excused_by_a_right_session(client: Client) -> None:
    answer = client.get("/tasks", headers={**client.admin, "Authorization": "Bearer a:b"})
    assert answer.status_code == 401


def test_no_answer_repeats_a_credential(client: Client) -> None:
    answer = client.get("/tasks", headers={"Authorization": "Bearer id:canary"})
    assert "canary" not in answer.text


def test_each_of_several_chains_has_a_token_that_sees_its_own_tasks_alone() -> None:
    with running(rows=5, chains=2) as client:
        token = client.sandbox.credentials_of(1744)
        other = {"Authorization": f"Bearer {':'.join(token.values())}"}
        assert client.post("/tasks", task_body()).status_code == 201
        assert client.post("/tasks", task_body(), headers=other).status_code == 500
        made = client.post("/tasks", task_body(chain=1744), headers=other)
        assert made.status_code == 201
        number = made.json()["id"]
        assert [task["chain"] for task in client.get("/tasks").json()] == [1743]
        assert [task["chain"] for task in client.get("/tasks", headers=other).json()] == [1744]
        assert client.get(f"/tasks/{number}").status_code == 404
        assert client.get(f"/tasks/{number}", headers=other).status_code == 200


def test_tasks_of_all_chains_share_what_runs_at_once() -> None:
    clock = Clock()
    with running(rows=5, chains=2, side_by_side=1, run_seconds=60, clock=clock) as client:
        token = client.sandbox.credentials_of(1744)
        other = {"Authorization": f"Bearer {':'.join(token.values())}"}
        client.post("/tasks", task_body())
        client.post("/tasks", task_body(chain=1744), headers=other)
        assert client.get("/tasks").json()[0]["state"]["code"] == "INPROGRESS"
        assert client.get("/tasks", headers=other).json()[0]["state"]["code"] == "READY"
        clock.forward(seconds=61)
        assert client.get("/tasks", headers=other).json()[0]["state"]["code"] == "INPROGRESS"
