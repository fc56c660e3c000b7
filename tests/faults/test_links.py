"""Faults 21 to 24: where a link leads, what goes along, where a file is put, and a full disk."""

from __future__ import annotations

import resource
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from spaaza_source.errors import SettingsError, UnreachableError, UnsafeLinkError
from spaaza_source.transport import Download, Link, open_link
from spaaza_source.transport.links import _Session
from spaaza_source.transport.ssrf_guard import GuardedAdapter
from tests.vendors.server import Answer, ScriptedServer, in_turn

pytestmark = pytest.mark.wing("transport")

VENDOR = "https://services.example"
TEXT = b"id,name\n" + b"1,a\n" * 50_000

THIS_MACHINE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "127.255.255.254",
    "user:canary@127.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "canary@localhost",
    "any.localhost",
]
NO_PUBLIC_ADDRESS = [
    "0",
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "[::]",
    "[::127.0.0.1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "3232235777",
    "100.64.0.1",
    "169.254.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    # IPv4 inside IPv6: mapped, by NAT64, by 6to4, by Teredo.
    "[::ffff:10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1.1.1.1]",
    "[2002:7f00:1::]",
    "[2001::1]",
    # Where clouds tell a machine its secrets.
    "169.254.169.254",
    "0xa9fea9fe",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "[64:ff9b::169.254.169.254]",
]
NO_PUBLIC_NAME = [
    "metadata.google.internal",
    "METADATA.google.internal.",
    "metadata",
    "printer.local",
]


def fetched(server: ScriptedServer, path: Path, **headers: str) -> bytes:
    link = Link(f"{server.base_url}/file?sig=canary", headers)
    with Download(path) as download:
        return download.receive(open_link(link, base_url=server.base_url)).path.read_bytes()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port of this machine that nobody should knock at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def session_with(adapter: GuardedAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def knocked(listener: socket.socket) -> bool:
    return bool(select.select([listener], [], [], 0.05)[0])


@pytest.mark.parametrize("host", THIS_MACHINE + NO_PUBLIC_ADDRESS + NO_PUBLIC_NAME)
def test_a_link_to_no_public_host_is_refused_by_its_host_alone(host: str) -> None:
    link = Link(f"https://{host}/canary?sig=canary#canary")
    with pytest.raises(UnsafeLinkError) as refused:
        open_link(link, base_url=VENDOR)
    bare = host.rpartition("@")[2].strip("[]").rstrip(".").lower()
    assert refused.value.where == bare
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[fc00::1]", "[64:ff9b::7f00:1]"])
def test_a_vendor_on_this_machine_opens_no_other_private_host(host: str) -> None:
    with pytest.raises(UnsafeLinkError):
        open_link(Link(f"https://{host}/x"), base_url="http://127.0.0.1:1")


def test_nobody_knocks_where_a_link_is_refused(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    for host in ("127.0.0.1", "localhost", "2130706433"):
        with pytest.raises(UnsafeLinkError):
            open_link(Link(f"https://{host}:{port}/x"), base_url=VENDOR)
    assert not knocked(listener)


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/x",
        "HTTP://files.example/x",
        "http://10.0.0.1/x",
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "ftp://files.example/x",
        "//files.example/x",
        "x",
        "",
    ],
)
def test_a_link_of_another_scheme_is_refused(url: str) -> None:
    with pytest.raises(UnsafeLinkError):
        open_link(Link(url), base_url=VENDOR)


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https:///canary",
        "https://[::1/canary",
        "https://canary:x@files.example:port/",
        "https://canary:x@\u2100.example/",
        "https://files.example:99999/canary",
    ],
)
def test_a_link_that_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(UnsafeLinkError) as refused:
        open_link(Link(url), base_url=VENDOR)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("host", ["files.invalid", "files..example", f"{'a' * 64}.example"])
def test_a_host_that_has_no_address_is_unreachable(host: str) -> None:
    with pytest.raises(UnreachableError) as failed:
        open_link(Link(f"https://{host}/canary"), base_url=VENDOR)
    assert "canary" not in str(failed.value)


@pytest.mark.parametrize(
    "target",
    [
        "http://files.example/x?sig=canary",
        "//files.example/x?sig=canary",
        "file:///etc/passwd",
        "ftp://files.example/x",
        "https://10.0.0.1/x?sig=canary",
        "https://169.254.169.254/latest/meta-data/?sig=canary",
        "https://[::ffff:192.168.0.1]/x?sig=canary",
        "https://[64:ff9b::a9fe:a9fe]/x?sig=canary",
        "http://files.example\\@127.0.0.1/x?sig=canary",
        "https://[::1/x?sig=canary",
    ],
)
def test_every_hop_of_a_redirect_is_judged(tmp_path: Path, target: str) -> None:
    on_the_way = [Answer(302, headers={"Location": "/next"})] * 2
    moved = Answer(307, headers={"Location": target})
    with (
        ScriptedServer(in_turn(*on_the_way, moved)) as server,
        pytest.raises(UnsafeLinkError) as refused,
    ):
        fetched(server, tmp_path / "f")
    assert len(server.seen) == 3
    assert "canary" not in str(refused.value)


def test_a_redirect_without_end_is_refused(tmp_path: Path) -> None:
    moved = Answer(302, headers={"Location": "/again"})
    with ScriptedServer(in_turn(moved)) as server, pytest.raises(UnsafeLinkError):
        fetched(server, tmp_path / "f")
    assert len(server.seen) == 6


def test_a_name_with_one_private_address_is_refused(listener: socket.socket) -> None:
    addresses = ["93.184.216.34", "127.0.0.1"]
    adapter = GuardedAdapter(resolve=lambda _host, _port: addresses)
    with session_with(adapter) as session, pytest.raises(UnsafeLinkError):
        session.get(f"https://files.example:{listener.getsockname()[1]}/x", timeout=5)
    assert not knocked(listener)


def test_a_name_that_changes_its_address_is_connected_to_as_it_was_judged() -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "10.0.0.1"]

    with (
        ScriptedServer(in_turn(Answer(200, TEXT, {"Connection": "close"}))) as server,
        session_with(GuardedAdapter(loopback=True, resolve=resolve)) as session,
    ):
        url = server.base_url.replace("127.0.0.1", "files.example") + "/x"
        assert session.get(url, timeout=5).content == TEXT
        assert asked == ["files.example"]
        with pytest.raises(UnsafeLinkError):
            session.get(url, timeout=5)
    assert [seen.headers["Host"].split(":")[0] for seen in server.seen] == ["files.example"]


def test_an_address_that_is_down_gives_way_to_the_next() -> None:
    addresses = ["127.0.0.2", "127.0.0.1"]
    adapter = GuardedAdapter(loopback=True, resolve=lambda _host, _port: addresses)
    with ScriptedServer(in_turn(Answer(200, TEXT))) as server, session_with(adapter) as session:
        url = server.base_url.replace("127.0.0.1", "files.example") + "/x"
        assert session.get(url, timeout=5).content == TEXT


@pytest.mark.parametrize(
    ("base_url", "url", "addresses"),
    [
        (VENDOR, "https://files.example", ["public"]),
        (VENDOR, "http://files.example", []),
        ("http://127.0.0.1:1", "https://files.example", ["public", "this machine"]),
        ("http://127.0.0.1:1", "http://localhost", ["this machine"]),
    ],
)
def test_plain_http_stays_on_this_machine(base_url: str, url: str, addresses: list[str]) -> None:
    every = {"public": "93.184.216.34", "this machine": "127.0.0.1", "private": "10.0.0.1"}
    with _Session(base_url) as session:
        adapter = session.get_adapter(url)
        assert isinstance(adapter, GuardedAdapter)
        assert [name for name in every if adapter._allows(every[name])] == addresses


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of files.example, and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not here")
    path = tmp_path_factory.mktemp("tls") / "files.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    named = ["-subj", "/CN=files.example", "-addext", "subjectAltName=DNS:files.example"]
    written = ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run([*made, *named, *written], check=True, capture_output=True)
    return path


class Proxy:
    """A proxy that notes where it is asked to connect, and answers in the place of that host.

    With a certificate it speaks TLS and sends `answer`; without one it lets nobody through. With
    `tunnel=False` it is that host itself.
    """

    def __init__(
        self, certificate: Path | None = None, answer: bytes = b"", *, tunnel: bool = True
    ) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._answer = answer
        self._tunnel = tunnel
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    continue

    def _serve(self, connection: socket.socket) -> None:
        if self._tunnel:
            self.asked.append(connection.recv(4096).split()[1].decode())
            passed = b"200 OK" if self._tls else b"502 Bad Gateway"
            connection.sendall(b"HTTP/1.1 " + passed + b"\r\n\r\n")
        if self._tls:
            with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                encrypted.recv(4096)
                encrypted.sendall(self._answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def refusing_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    proxy = Proxy()
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    yield proxy
    proxy.close()


def test_a_private_proxy_may_lead_to_a_host_that_is_unknown_here(refusing_proxy: Proxy) -> None:
    with pytest.raises(UnreachableError):
        open_link(Link("https://files.example/x"), base_url=VENDOR)
    assert refusing_proxy.asked == ["files.example:443"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "localhost", "10.0.0.1", "[fc00::1]", "metadata.google.internal"],
)
def test_a_proxy_is_not_asked_for_what_is_no_public_host(refusing_proxy: Proxy, host: str) -> None:
    with pytest.raises(UnsafeLinkError):
        open_link(Link(f"https://{host}/x"), base_url=VENDOR)
    assert refusing_proxy.asked == []


@pytest.mark.parametrize("target", ["http://files.example/x", "http://127.0.0.1/x"])
def test_an_encrypted_link_does_not_redirect_to_a_plain_one(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    moved = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    proxy = Proxy(certificate, moved.encode())
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with pytest.raises(UnsafeLinkError):
        open_link(Link("https://files.example/x"), base_url=VENDOR)
    assert proxy.asked == ["files.example:443"]
    proxy.close()


def test_a_certificate_is_checked_for_the_hosts_name_not_its_address(certificate: Path) -> None:
    host = Proxy(certificate, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", tunnel=False)
    port = host.address.rpartition(":")[2]
    adapter = GuardedAdapter(loopback=True, resolve=lambda _host, _port: ["127.0.0.1"])
    with session_with(adapter) as session:
        session.verify = str(certificate)
        assert session.get(f"https://files.example:{port}/x", timeout=5).text == "ok"
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"https://others.example:{port}/x", timeout=5)
    host.close()


def test_a_redirect_within_one_host_and_port_keeps_the_links_headers(tmp_path: Path) -> None:
    moved = Answer(302, headers={"Location": "/moved"})
    with ScriptedServer(in_turn(moved, Answer(200, TEXT))) as server:
        assert fetched(server, tmp_path / "f", **{"X-App-Token": "t"}) == TEXT
    assert [seen.headers.get("X-App-Token") for seen in server.seen] == ["t", "t"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_redirect_to_another_host_or_port_carries_no_header_of_the_link(
    tmp_path: Path, name: str
) -> None:
    headers = {"X-App-Token": "t", "X-App-Id": "i", "Authorization": "a", "Cookie": "c=1"}
    with ScriptedServer(in_turn(Answer(200, TEXT))) as other:
        target = other.base_url.replace("127.0.0.1", name) + "/moved"
        with ScriptedServer(in_turn(Answer(302, headers={"Location": target}))) as server:
            assert fetched(server, tmp_path / "f", **headers) == TEXT
    assert headers.items() <= server.seen[0].headers.items()
    assert not headers.keys() & other.seen[0].headers.keys()


def test_a_header_is_not_taken_up_again_by_a_redirect_back(tmp_path: Path) -> None:
    away, back = Answer(302), Answer(302)
    with (
        ScriptedServer(in_turn(away, Answer(200, TEXT))) as first,
        ScriptedServer(in_turn(back)) as other,
    ):
        away.headers["Location"] = other.base_url + "/away"
        back.headers["Location"] = first.base_url + "/back"
        assert fetched(first, tmp_path / "f", **{"X-App-Token": "t"}) == TEXT
    assert [seen.headers.get("X-App-Token") for seen in first.seen] == ["t", None]


def test_no_cookie_is_kept_between_hops(tmp_path: Path) -> None:
    moved = Answer(302, headers={"Location": "/moved", "Set-Cookie": "session=canary; Path=/"})
    with ScriptedServer(in_turn(moved, Answer(200, TEXT))) as server:
        assert fetched(server, tmp_path / "f") == TEXT
    assert "Cookie" not in server.seen[1].headers


@pytest.mark.parametrize("name", ["../stolen", "{folder}/stolen", "..\\stolen", "stolen.csv"])
def test_the_servers_file_names_are_never_used(tmp_path: Path, name: str) -> None:
    name = name.format(folder=tmp_path)
    folder = tmp_path / "own"
    folder.mkdir()
    named = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Location": name}
    moved = Answer(302, headers={"Location": "/..%2f..%2fstolen/../../stolen", **named})
    with ScriptedServer(in_turn(moved, Answer(200, TEXT, named))) as server:
        assert fetched(server, folder / "ours") == TEXT
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["ours", "own"]
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("size", [100, len(TEXT)])
def test_a_full_disk_stops_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    # A link to the device that is always full: a removal takes away the link, not the device.
    (tmp_path / "f").symlink_to("/dev/full")
    with (
        ScriptedServer(in_turn(Answer(200, TEXT[:size]))) as server,
        pytest.raises(SettingsError, match="the disk is full") as stopped,
    ):
        fetched(server, tmp_path / "f")
    assert stopped.value.where == str(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert Path("/dev/full").is_char_device()


@pytest.mark.slow
@pytest.mark.thorough
def test_a_file_that_breaks_off_on_the_disk_is_removed(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(TEXT) // 2, len(TEXT) // 2))

    code = (
        "import sys; from pathlib import Path\n"
        "from spaaza_source.errors import SettingsError\n"
        "from spaaza_source.transport import Download, Link, open_link\n"
        "url, path = sys.argv[1], Path(sys.argv[2])\n"
        "try:\n"
        "    with Download(path) as download:\n"
        "        try:\n"
        "            download.receive(open_link(Link(url), base_url=url))\n"
        "        finally:\n"
        "            print(path.stat().st_size)\n"
        "except SettingsError as error:\n"
        "    print(error)\n"
    )
    with ScriptedServer(in_turn(Answer(200, TEXT))) as server:
        ran = subprocess.run(
            [sys.executable, "-c", code, server.base_url, str(tmp_path / "f")],
            preexec_fn=limit,
            capture_output=True,
            text=True,
            check=True,
        )
    written, error = ran.stdout.splitlines()
    assert int(written) == len(TEXT) // 2
    assert error.startswith(f"{tmp_path}: the file cannot be written (File too large).")
    assert list(tmp_path.iterdir()) == []
