"""A sandbox starts, remembers what it was asked, and leaves nothing behind."""

import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from spaaza_source.sandbox import Sandbox, SandboxSettings
from tests.sandbox.sandbox_client import Clock, running, task_body


def test_listens_on_loopback_alone_and_stops() -> None:
    threads = set(threading.enumerate())
    with Sandbox(SandboxSettings(rows=1)) as sandbox:
        url = sandbox.base_url
        assert urlsplit(url).hostname == "127.0.0.1"
        assert requests.get(f"{url}/tasks", timeout=30).status_code == 401
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/tasks", timeout=30)
    for thread in set(threading.enumerate()) - threads:
        # A thread that answered ends a moment after the server it worked for.
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_takes_the_port_it_is_given_and_says_when_it_cannot() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            Sandbox(SandboxSettings(port=taken)).start()
    with Sandbox(SandboxSettings(port=taken, rows=1)) as sandbox:
        assert sandbox.base_url == f"http://127.0.0.1:{taken}"


def test_the_files_go_when_it_stops() -> None:
    with running() as client:
        client.create()
        folder = Path(client.sandbox._writer._directory.name)
        assert [file.suffix for file in folder.iterdir()] == [".csv"]
    assert not folder.exists()


def test_remembers_every_call() -> None:
    with running() as client:
        body = task_body(desc="remember me")
        client.post("/tasks", body)
        client.get("/tasks", limit=3)
        client.get("/nowhere")
        first, second, third = client.sandbox.calls
        assert (first.method, first.path, first.json()) == ("POST", "/tasks", body)
        assert first.headers["authorization"] == client.bearer["Authorization"]
        assert (second.method, second.query) == ("GET", {"limit": "3"})
        assert third.path == "/nowhere"
        assert client.bearer["Authorization"] not in repr(first)


def test_tells_the_time_by_its_own_clock() -> None:
    with running(Clock(datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC))) as client:
        assert client.get("/tasks").headers["Date"] == "Mon, 03 Feb 2031 04:05:06 GMT"


@pytest.mark.slow
@pytest.mark.thorough
def test_serves_until_it_is_told_to_end() -> None:
    program = (
        "from spaaza_source.sandbox import Sandbox, SandboxSettings\n"
        "sandbox = Sandbox(SandboxSettings(rows=1))\n"
        "sandbox.start()\n"
        "print(sandbox.base_url, flush=True)\n"
        "sandbox.serve_forever()\n"
        "print('stopped')\n"
    )
    for end in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert requests.get(f"{url}/tasks", timeout=30).status_code == 401
            process.send_signal(end)
            assert process.stdout.read() == "stopped\n"
        assert process.returncode == 0


def test_shows_its_tasks_as_the_api_does() -> None:
    with running() as client:
        client.create()
        client.create("vouchers")
        assert client.sandbox.tasks == client.get("/tasks").json()


def test_an_unknown_path_or_method_is_an_error_of_the_vendors_kind() -> None:
    with running() as client:
        for answer, status in ((client.get("/task"), 404), (client.get("/tasks/1/execute"), 405)):
            assert answer.status_code == status
            assert answer.json()["result"]["status"] == "error"


def test_tasks_from_many_threads_all_come_to_be_with_numbers_of_their_own() -> None:
    with running(Clock(), rows=20) as client:
        threads = [threading.Thread(target=client.create) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tasks = client.sandbox.tasks
        assert len({task["id"] for task in tasks}) == 12
        assert {task["state"]["code"] for task in tasks} == {"DONE"}
