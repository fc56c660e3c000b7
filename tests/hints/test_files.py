"""Hints about archived files, downloads, disks, certificates and backfills."""

from __future__ import annotations

import resource
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import dlt
import pytest

from spaaza_source import spaaza_source
from spaaza_source.backfill import Backfill
from spaaza_source.cli.output.error_messages import describe
from spaaza_source.transport.clock import SystemClock
from spaaza_source.warehouse import duckdb_file
from tests.hints.loads import QUICK, TOKEN, Shop, advises, check_advice
from tests.processes import ran
from tests.vendors.server import Answer, Seen
from tests.vendors.spaaza_files import FileVendor

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

MAY: dict[str, Any] = {"start_date": "2026-05-01", "end_date": "2026-06-01"}


def test_a_place_that_cannot_keep_files(shop: Shop) -> None:
    Path("full").write_text("no folder", encoding="utf-8")
    with advises("exports/at_hand/archive.py", "Free disk space there, or leave out keep_files"):
        shop.load("users", keep_files="full")
    shop.load("users")
    assert shop.rows("users") == 3


def test_files_that_were_not_kept(shop: Shop) -> None:
    Path("kept").mkdir()
    with advises("exports/at_hand/archive.py", "Load with keep_files first"):
        shop.load("users", from_files="kept")
    shop.load("users", keep_files="kept")
    (folder,) = Path("kept").iterdir()
    there = shop.into("other")
    there.load("users", from_files=str(folder))
    assert there.rows("users") == 3


def test_several_loads_whose_files_were_kept(shop: Shop) -> None:
    for _ in range(2):
        shop.load("users", keep_files="kept")
    there = shop.into("other")
    with advises(
        "exports/at_hand/archive.py", "Name one of them, such as {loads[0].name}, or use"
    ) as told:
        there.load("users", from_files="kept")
    name = told[0].partition("such as ")[2].partition(",")[0]
    there.load("users", from_files=f"kept/{name}")
    assert there.rows("users") == 3


@pytest.mark.parametrize("damage", ["0001.csv", "kept.json"])
def test_kept_files_that_were_changed(shop: Shop, damage: str) -> None:
    shop.load("users", keep_files="kept")
    (folder,) = Path("kept").iterdir()
    (folder / "users" / damage).write_text("damaged", encoding="utf-8")
    there = shop.into("other")
    with advises("exports/at_hand/archive.py", "Load from the vendor again"):
        there.load("users", from_files=str(folder))
    there.load("users")
    assert there.rows("users") == 3


def test_fields_whose_labels_do_not_tell(voucherify: Shop) -> None:
    voucherify.give("voucher", "Alpha,Beta,Gamma\nv_1,1,2\n")
    with advises("voucherify/header_labels.py", "Request other fields, or report the header"):
        voucherify.load("vouchers", fields={"vouchers": ["id", "code"]})
    voucherify.give("voucher", "ID,Code,Value\nv_1,1,2\n")
    voucherify.load("vouchers", fields={"vouchers": ["id", "code", "value"]})
    assert voucherify.rows("vouchers") == 1


def test_a_key_that_repeats(shop: Shop) -> None:
    shop.give("users", "id,name\n1,a\n1,b\n")
    with advises(
        "writing/keys/broken_key.py", "Name columns that tell the rows apart as primary_key."
    ):
        shop.load("users", hints={"primary_key": "id"})
    shop.load("users", hints={"primary_key": ["id", "name"]})
    assert shop.rows("users") == 2


class EndlessFile(FileVendor):
    """While it is slow, a file never ends: it comes on and on."""

    is_slow = True

    def _answer(self, seen: Seen) -> Answer:
        if self.is_slow and seen.path.startswith("/file/"):
            untold = {"Content-Length": "", "Connection": "close"}
            return Answer(200, b"id,name\n", untold, pieces=iter(lambda: b"1,a\n" * 1000, b""))
        return super()._answer(seen)


def test_a_download_that_takes_longer_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: time.monotonic() * 100)
    with EndlessFile(users=b"id,name\n1,a\n") as vendor:
        shop = Shop(vendor, tmp_path)
        with advises("transport/download.py", "Run again later, or raise export_timeout"):
            shop.load("users", export_timeout=0.2)
        vendor.is_slow = False
        shop.load("users", export_timeout=60)
        assert shop.rows("users") == 1


def load_with_room_for(size: int, base_url: str, folder: str) -> None:
    """Load where no file may be larger than so many bytes, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    quick: dict[str, Any] = {**QUICK, "start_margin": 0, "stagger": 0}
    source = spaaza_source(base_url, 1743, TOKEN, **quick).with_resources("users")
    file = dlt.destinations.duckdb(f"{folder}/warehouse.duckdb")
    pipeline = dlt.pipeline(
        "hints", pipelines_dir=f"{folder}/pipelines", destination=file, dataset_name="loyalty"
    )
    try:
        pipeline.run(source)
    except Exception as failure:  # noqa: BLE001 - told as the command tells it
        print(describe(failure)[0])  # noqa: T201


def test_a_disk_without_room(tmp_path: Path) -> None:
    line = b"1234567,a text of some length\n"
    rows = 4_000_000 // len(line)
    with FileVendor(users=b"id,name\n" + line * rows) as vendor:
        (tmp_path / "full").mkdir()
        told = ran(load_with_room_for, 3_000_000, vendor.base_url, str(tmp_path / "full"))
        check_advice(
            "transport/download.py", "Make room there, or set another pipelines_dir", told.stdout
        )
        shop = Shop(vendor, tmp_path)
        shop.load("users")
        assert shop.rows("users") == rows


#: Nobody has that name: the proxy is asked for it.
HOST = "services.example"


class TlsVendor(FileVendor):
    """Behind TLS, with a certificate that nobody knows."""

    def __init__(self, certificate: Path, **files: bytes) -> None:
        super().__init__(**files)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port

    @property
    def base_url(self) -> str:
        return f"https://{HOST}"


class _Connect(socketserver.BaseRequestHandler):
    """One client of a proxy: whatever it asks for, it is led to the vendor."""

    def handle(self) -> None:
        while not self.request.recv(4096).endswith(b"\r\n\r\n"):
            pass
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.server.vendor_port)) as vendor:  # type: ignore[attr-defined]
            back = threading.Thread(target=_pass_on, args=(vendor, self.request), daemon=True)
            back.start()
            _pass_on(self.request, vendor)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxy_to(port: int) -> Iterator[str]:
    """The address of a proxy that leads to that port of this machine."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Connect) as server:
        server.daemon_threads = True
        server.vendor_port = port  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of that host, and its key beside it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not here")
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    named = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    written = ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run([*made, *named, *written], check=True, capture_output=True)
    return path


@pytest.fixture
def behind_tls(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with (
        TlsVendor(certificate, users=b"id,name\n1,a\n") as vendor,
        proxy_to(vendor.port) as proxy,
    ):
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        yield Shop(vendor, tmp_path)


def test_a_certificate_that_nobody_knows(
    behind_tls: Shop, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with advises("transport/retry.py", "If a proxy here has certificates of its own, name") as told:
        behind_tls.load("users")
    variable = told[0].rpartition("name their file in ")[2].removesuffix(".")
    monkeypatch.setenv(variable, "/nowhere/own.pem")
    with advises("transport/retry.py", "Correct the variable, or remove it to use the usual"):
        behind_tls.load("users")
    monkeypatch.setenv(variable, str(certificate))
    behind_tls.load("users")
    assert behind_tls.rows("users") == 1


@pytest.mark.thorough
def test_a_variable_of_certificates_that_is_not_needed(
    shop: Shop, behind_tls: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/own.pem")
    with advises("transport/retry.py", "Correct the variable, or remove it to use the usual"):
        behind_tls.load("users")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    shop.load("users")
    assert shop.rows("users") == 3


def appending(shop: Shop, **given: Any) -> Any:
    source = shop.source("transactions", **given)
    source.transactions.apply_hints(write_disposition="append")
    return source


def test_appended_rows_of_several_workers(shop: Shop) -> None:
    file = duckdb_file(shop.folder / "warehouse.duckdb")
    workers = Backfill(partial(appending, shop), "hints", file, "loyalty", side_by_side=True)
    with advises("backfill/worker_pipeline.py", "Load this table on one machine: side_by_side="):
        workers.load(workers.plan("2026-05-01", "2026-06-01", tables=["transactions"])[0])
    one = Backfill(partial(appending, shop), "hints", file, "loyalty", side_by_side=False)
    for part in one.plan("2026-05-01", "2026-06-01", tables=["transactions"]):
        one.load(part)
    assert shop.rows("transactions") == 2


def test_workers_for_files(shop: Shop) -> None:
    files = dlt.destinations.filesystem(str(shop.folder / "files"))
    source = partial(shop.source, "transactions")
    workers = Backfill(source, "hints", files, "loyalty", side_by_side=True)
    with advises("backfill/worker_pipeline.py", "Load this range at once: spaaza load, or start_"):
        workers.load(workers.plan("2026-05-01", "2026-06-01", tables=["transactions"])[0])
    delta = shop.into(kind="delta")
    delta.load("transactions", hints={"primary_key": "id"}, **MAY)
    assert delta.rows("transactions") == 2


def test_more_bad_rows_than_are_allowed(shop: Shop) -> None:
    ways: list[dict[str, Any]] = [{"max_rejected_share": 0.3}, {"max_rejected_rows": 11}]
    shop.give("users", "user_id,name\n" + "1\n" * 11 + "".join(f"{n},a\n" for n in range(30)))
    with advises(
        "tabular/rejected.py",
        "{SOUND_FILE_HINT} To load the others, raise max_rejected_share or max_rej",
    ):
        shop.load("users")
    for number, given in enumerate(ways):
        there = shop.into(f"way_{number}")
        there.load("users", **given)
        assert there.rows("users") == 30


def test_more_bad_rows_than_a_third(shop: Shop) -> None:
    shop.give("users", "user_id,name\n1\n2,a\n")
    with advises(
        "tabular/rejected.py", "{SOUND_FILE_HINT} To load the others, raise max_rejected_share."
    ):
        shop.load("users")
    shop.load("users", max_rejected_share=0.5)
    assert shop.rows("users") == 1
