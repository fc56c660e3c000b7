"""An export of Voucherify is created, waits, runs, is done, is listed and deleted."""

import re
from datetime import timedelta

import pyarrow as pa

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.sandbox.sandbox_client import NOON, Client, Clock
from tests.sandbox.voucherify_client import OneProject, VoucherifyClient, voucherify


def test_a_created_export_is_scheduled_and_repeats_its_parameters() -> None:
    parameters = {
        "order": "-created_at",
        "fields": ["id", "metadata.channel"],
        "filters": {"junction": "AND"},
    }
    with voucherify() as client:
        answer = client.post("voucher", **parameters)
        export = answer.json()
    assert answer.status_code == 200
    assert re.fullmatch(r"exp_[0-9a-f]{24}", export.pop("id"))
    assert export == {
        "object": "export",
        "created_at": "2026-05-26T12:00:00.000Z",
        "status": "SCHEDULED",
        "channel": "API",
        "exported_object": "voucher",
        "parameters": parameters,
        "result": None,
        "user_id": None,
    }


def test_an_export_waits_then_runs_then_is_done() -> None:
    clock = Clock()
    with voucherify(clock, queue_seconds=10, run_seconds=60) as client:
        export_id = client.create()
        seen = []
        for seconds in (9.999, 0.001, 59.999, 0.001):
            clock.forward(seconds=seconds)
            export = client.export(export_id)
            seen.append((export["status"], export["result"] is not None))
    assert seen == [
        ("SCHEDULED", False),
        ("IN_PROGRESS", False),
        ("IN_PROGRESS", False),
        ("DONE", True),
    ]


def test_an_export_has_the_rows_of_the_moment_in_which_it_started() -> None:
    clock = Clock()
    project = OneProject(pa.table({"id": ["v_1"]}))
    with voucherify(clock, project, queue_seconds=10, run_seconds=60) as client:
        export_id = client.create(fields=["id"])
        clock.forward(seconds=300)
        assert client.status(export_id) == "DONE"
    assert project.asked_at == [NOON + timedelta(seconds=10)]


def test_side_by_side_bounds_how_many_run() -> None:
    clock = Clock()
    with voucherify(clock, run_seconds=60, side_by_side=1) as client:
        first, second = client.create(), client.create()
        assert (client.status(first), client.status(second)) == ("IN_PROGRESS", "SCHEDULED")
        clock.forward(seconds=60)
        assert (client.status(first), client.status(second)) == ("DONE", "IN_PROGRESS")


def test_an_export_with_too_many_rows_ends_in_an_error_without_a_result() -> None:
    with voucherify(rows=20, max_export_rows=10) as client:
        export = client.export(client.create())
        assert (export["status"], export["result"]) == ("ERROR", None)
        assert (
            client.status(client.create(filters={"code": {"conditions": {"$is": "x"}}})) == "DONE"
        )


def test_a_list_has_pages_orders_and_a_total() -> None:
    clock = Clock()
    with voucherify(clock, run_seconds=60) as client:
        made = []
        for _ in range(12):
            made.append(client.create())
            clock.forward(seconds=10)

        def listed(**query: str | int) -> list[str]:
            body = client.ask("GET", "/v1/exports", params=query).json()
            assert (body["object"], body["data_ref"], body["total"]) == ("list", "exports", 12)
            return [export["id"] for export in body["exports"]]

        assert listed() == made[:1:-1]
        assert listed(page=2) == made[1::-1]
        assert listed(limit=5, page=2, order="created_at") == made[5:10]
        assert listed(page=3) == []
        # The last five began less than a minute ago.
        done, running = made[6::-1], made[:6:-1]
        by_status = {"status": done + running, "-status": running + done}
        for order, expected in by_status.items():
            assert listed(limit=100, order=order) == expected, order
        wrong: list[dict[str, str | int]] = [
            {"limit": 0}, {"limit": 101}, {"page": 0}, {"page": 101}, {"order": "id"}, {"a": 1},
        ]  # fmt: skip
        for query in wrong:
            answer = client.ask("GET", "/v1/exports", params=query)
            assert answer.status_code == 400, query
            assert answer.json()["details"].startswith(next(iter(query)))


def test_a_deleted_export_is_gone_and_its_file_with_it() -> None:
    with voucherify() as client:
        export_id, other = client.create(), client.create()
        url = client.url(export_id)
        answer = client.ask("DELETE", f"/v1/exports/{export_id}")
        assert (answer.status_code, answer.content) == (204, b"")
        for method, path in (
            ("GET", f"/v1/exports/{export_id}"),
            ("DELETE", f"/v1/exports/{export_id}"),
            ("GET", url),
        ):
            gone = client.ask(method, path)
            assert gone.status_code == 404
            about = gone.json()
            assert about.pop("request_id").startswith("v-")
            assert about == {
                "code": 404,
                "key": "not_found",
                "message": "Resource not found",
                "details": f"Cannot find export with id {export_id}",
                "resource_id": export_id,
                "resource_type": "export",
            }
        assert client.ask("GET", "/v1/exports").json()["total"] == 1
        assert client.create() not in (export_id, other)


def test_the_sandbox_shows_its_exports_as_the_api_does() -> None:
    clock = Clock()
    with voucherify(clock) as client:
        client.create()
        clock.forward(seconds=1)
        client.create("order")
        listed = client.ask("GET", "/v1/exports").json()["exports"]
        assert client.sandbox.voucherify_exports == listed
        assert [export["exported_object"] for export in listed] == ["order", "voucher"]


def test_calls_are_remembered_and_their_repr_shows_no_credential() -> None:
    with voucherify() as client:
        client.create("order", fields=["id"])
        client.ask("GET", "/v1/exports", params={"limit": 3})
        first, second = client.sandbox.calls
        assert (first.method, first.path) == ("POST", "/v1/exports")
        assert first.json() == {"exported_object": "order", "parameters": {"fields": ["id"]}}
        assert first.headers["x-app-token"] == client.app["X-App-Token"]
        assert second.query == {"limit": "3"}
        assert client.app["X-App-Token"] not in repr(first)


def test_both_vendors_answer_on_one_server() -> None:
    with Sandbox(SandboxSettings(rows=3, clock=Clock())) as sandbox:
        spaaza, other = Client(sandbox), VoucherifyClient(sandbox)
        with spaaza.http, other.http:
            assert len(spaaza.rows("vouchers")) == len(other.rows("voucher")) == 3
            # Neither takes the credentials of the other.
            assert other.ask("GET", "/v1/exports", headers=spaaza.bearer).status_code == 401
            assert other.ask("GET", "/tasks").status_code == 401
