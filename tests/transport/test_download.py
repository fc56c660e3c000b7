from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from spaaza_source.errors import (
    IncompleteDownloadError,
    LinkRefusedError,
    UnavailableError,
    UnsafeLinkError,
)
from spaaza_source.transport import Download, FetchedFile, Link, open_link
from tests.vendors.server import Answer, ScriptedServer, in_turn

TEXT = b"id,name\n" + b"1,a\n" * 50_000


def fetched(server: ScriptedServer, path: Path, **headers: str) -> FetchedFile:
    link = Link(f"{server.base_url}/file?X-Amz-Signature=abc", headers)
    with Download(path) as download:
        return download.receive(open_link(link, base_url=server.base_url))


def test_a_file_arrives_whole_hashed_and_counted(tmp_path: Path) -> None:
    with ScriptedServer(in_turn(Answer(200, TEXT))) as server:
        file = fetched(server, tmp_path / "f")
    assert file.path.read_bytes() == TEXT
    assert (file.received, file.size) == (len(TEXT), len(TEXT))
    assert file.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert file.end_verified


def test_no_credential_goes_to_the_files_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ScriptedServer(in_turn(Answer(200, TEXT))) as server:
        fetched(server, tmp_path / "f")
    assert "Authorization" not in server.seen[0].headers


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {}])
def test_gzip_is_known_by_its_bytes(tmp_path: Path, headers: dict[str, str]) -> None:
    packed = gzip.compress(TEXT)
    with ScriptedServer(in_turn(Answer(200, packed, headers))) as server:
        file = fetched(server, tmp_path / "f")
    assert file.path.read_bytes() == TEXT
    assert (file.received, file.size) == (len(packed), len(TEXT))


def test_a_short_body_leaves_nothing_behind(tmp_path: Path) -> None:
    answer = Answer(200, TEXT[:100], {"Content-Length": str(len(TEXT))})
    with ScriptedServer(in_turn(answer)) as server, pytest.raises(IncompleteDownloadError):
        fetched(server, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_an_end_without_a_length_is_not_a_proof(tmp_path: Path) -> None:
    answer = Answer(200, TEXT, {"Content-Length": "", "Connection": "close"})
    with ScriptedServer(in_turn(answer)) as server:
        assert not fetched(server, tmp_path / "f").end_verified


def test_a_refused_link_says_so_without_its_query(tmp_path: Path) -> None:
    answer = Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    with ScriptedServer(in_turn(answer)) as server, pytest.raises(LinkRefusedError) as raised:
        fetched(server, tmp_path / "f")
    assert "HTTP 403" in str(raised.value)
    assert "Signature" not in str(raised.value)


def test_a_failing_host_is_unavailable(tmp_path: Path) -> None:
    with ScriptedServer(in_turn(Answer(503))) as server, pytest.raises(UnavailableError):
        fetched(server, tmp_path / "f")


def test_a_redirect_is_followed_without_the_links_headers(tmp_path: Path) -> None:
    with ScriptedServer(in_turn(Answer(200, TEXT))) as other:
        target = other.base_url.replace("127.0.0.1", "localhost") + "/moved"
        moved = Answer(302, headers={"Location": target})
        with ScriptedServer(in_turn(moved)) as server:
            assert fetched(server, tmp_path / "f", **{"X-App-Token": "t"}).size == len(TEXT)
    assert server.seen[0].headers["X-App-Token"] == "t"
    assert "X-App-Token" not in other.seen[0].headers


@pytest.mark.parametrize(
    "url", ["http://files.example/x", "file:///etc/passwd", "ftp://files.example/x"]
)
def test_a_link_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(UnsafeLinkError):
        open_link(Link(url), base_url="https://services.example")


def test_a_plain_link_to_this_machine_needs_a_vendor_on_this_machine() -> None:
    with pytest.raises(UnsafeLinkError):
        open_link(Link("http://127.0.0.1:9/x"), base_url="https://services.example")


def test_a_link_never_shows_itself() -> None:
    assert "secret" not in repr(Link("https://host/file?sig=secret", {"X-App-Token": "secret"}))
