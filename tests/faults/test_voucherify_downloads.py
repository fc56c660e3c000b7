"""Faults 15 to 22 where Voucherify has its own part: links by token, the key, results in parts.

A link leads to the vendor's own download host, which wants to see the key, or to a storage host,
which must not. How any vendor's file is resumed, unpacked and checked is tested in
test_download_faults.py, test_ends.py, test_packed_files.py and test_links.py.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from spaaza_source.errors import (
    IncompleteDownloadError,
    LinkRefusedError,
    SpaazaSourceError,
    UnexpectedAnswerError,
    UnsafeLinkError,
)
from spaaza_source.transport import links
from spaaza_source.transport.clock import SystemClock
from spaaza_source.voucherify.export_service import VoucherifyExports
from spaaza_source.voucherify.exports_api import ExportsApi, make_client
from tests.clocks import FakeClock
from tests.export_runs import Bench, VoucherifyBench, begin, wait
from tests.faults.hosts import Host, cut, rest_of, sound
from tests.vendors.scripted_voucherify import KEYS, ScriptedExports, app_keys
from tests.vendors.server import Answer, ScriptedServer, Seen, in_turn

pytestmark = pytest.mark.wing("transport", "voucherify")

TEXT = b"ID,Name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(60_000))
THIRD = len(TEXT) // 3
KEY = {"X-App-Id": KEYS["app_id"], "X-App-Token": KEYS["app_token"]}


class Downloads(ScriptedExports):
    """Every link has a token of its own; the files' host answers by its hosts in turn."""

    def __init__(self, *hosts: Host, parts: int = 1) -> None:
        self.hosts = list(hosts)
        self.parts = parts
        self.links: list[list[str]] = []
        self.fetched: list[Seen] = []
        super().__init__(result=self._result, file=TEXT)

    def _result(self, _url: str) -> Any:
        links = [
            f"{self.base_url}/file/{part}?token=canary-{len(self.links)}"
            for part in range(self.parts)
        ]
        self.links.append(links)
        return {"url": links[0]} if self.parts == 1 else {"urls": links}

    def file_for(self, seen: Seen) -> Answer:
        self.fetched.append(seen)
        host = (
            (self.hosts.pop(0) if len(self.hosts) > 1 else self.hosts[0]) if self.hosts else sound
        )
        return host(seen, self.file)

    @property
    def ranges(self) -> list[str | None]:
        """What was asked for of the file, each time; with the key, each time."""
        for seen in self.fetched:
            assert seen.headers.items() >= KEY.items()
        return [seen.headers.get("Range") for seen in self.fetched]


def broken(seen: Seen, whole: bytes) -> Answer:
    return cut(rest_of(whole, seen), THIRD)


def refused(status: int) -> Host:
    body = b'{"code": 401, "key": "unauthorized", "message": "canary"}'
    return lambda _seen, _whole: Answer(status, body)


def files_of(vendor: ScriptedExports, folder: Path) -> list[bytes]:
    """The parts of one export, in their order, once all are there."""
    table = begin(Bench(vendor, FakeClock(), folder).run(), vendor.request())
    wait(table)
    return [export.file().path.read_bytes() for export in table.require_current()]


def stopped(vendor: ScriptedExports, folder: Path) -> SpaazaSourceError:
    """What kept the export from arriving; it has left nothing, and tells no secret."""
    return Bench(vendor, FakeClock(), folder).error()


# 15: links


@pytest.mark.parametrize("status", [401, 403, 404, 410])
@pytest.mark.parametrize("times", [1, 2])
def test_an_expired_link_is_followed_by_a_fresh_one(
    status: int, times: int, tmp_path: Path
) -> None:
    with Downloads(*[refused(status)] * times, sound) as vendor:
        assert files_of(vendor, tmp_path) == [TEXT]
    asked = [f"{vendor.base_url}{seen.path}" for seen in vendor.fetched]
    assert vendor.ranges == [None] * (times + 1)
    # Whatever a run has seen of the export before, each link is of its own moment.
    assert asked == [links[0] for links in vendor.links[-times - 1 :]]
    assert len(set(asked)) == times + 1


@pytest.mark.parametrize("status", [401, 403])
def test_after_three_expired_links_there_is_no_fourth(status: int, tmp_path: Path) -> None:
    with Downloads(refused(status)) as vendor:
        error = stopped(vendor, tmp_path)
    assert isinstance(error, LinkRefusedError)
    assert str(error).startswith("redemption, job exp_1, 127.0.0.1: the file's host refused the")
    assert len(vendor.fetched) == 3
    assert vendor.asked("create") == 1


# 16 and 18: transfers that break


def test_a_transfer_that_breaks_is_carried_on_by_a_fresh_link_and_with_the_key(
    tmp_path: Path,
) -> None:
    with Downloads(broken, refused(401), sound) as vendor:
        assert files_of(vendor, tmp_path) == [TEXT]
    assert vendor.ranges == [None, f"bytes={THIRD}-", f"bytes={THIRD}-"]
    assert len({seen.path for seen in vendor.fetched}) == 3


def test_a_stall_is_left_and_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "TIMEOUT", (5.0, 0.2))
    with Downloads(lambda seen, whole: cut(rest_of(whole, seen), 1000, "stall"), sound) as vendor:
        assert files_of(vendor, tmp_path) == [TEXT]
    assert vendor.ranges == [None, None]


@pytest.mark.parametrize(
    "second",
    [
        lambda _seen, whole: Answer(200, whole, {"ETag": '"v1"'}),
        lambda _seen, whole: Answer(200, whole, {"ETag": '"v2"'}),
    ],
    ids=["no ranges", "another file"],
)
def test_a_host_that_does_not_carry_on_is_read_from_the_begin(second: Host, tmp_path: Path) -> None:
    with Downloads(broken, second) as vendor:
        assert files_of(vendor, tmp_path) == [TEXT]
    assert vendor.ranges == [None, f"bytes={THIRD}-"]


def test_a_part_from_elsewhere_stops(tmp_path: Path) -> None:
    def elsewhere(_seen: Seen, whole: bytes) -> Answer:
        return Answer(206, whole[7:], {"Content-Range": f"bytes 7-{len(whole) - 1}/{len(whole)}"})

    with Downloads(broken, elsewhere) as vendor:
        assert isinstance(stopped(vendor, tmp_path), UnexpectedAnswerError)


def test_a_host_that_breaks_every_time_is_given_up(tmp_path: Path) -> None:
    with Downloads(lambda seen, whole: cut(rest_of(whole, seen, ""), 1000)) as vendor:
        assert isinstance(stopped(vendor, tmp_path), IncompleteDownloadError)
    assert len(vendor.fetched) == 5


@pytest.mark.parametrize("told", [{}, {"Content-Encoding": "gzip"}])
def test_a_packed_file_is_unpacked(told: dict[str, str], tmp_path: Path) -> None:
    with Downloads(lambda _seen, whole: Answer(200, gzip.compress(whole), told)) as vendor:
        assert files_of(vendor, tmp_path) == [TEXT]


# A result in parts


def test_of_parts_only_the_one_that_broke_is_fetched_again(tmp_path: Path) -> None:
    with Downloads(sound, broken, refused(401), sound, parts=3) as vendor:
        assert files_of(vendor, tmp_path) == [TEXT] * 3
    assert [seen.path[:7] for seen in vendor.fetched] == ["/file/0", *["/file/1"] * 3, "/file/2"]
    assert vendor.ranges == [None, None, f"bytes={THIRD}-", f"bytes={THIRD}-", None]


def test_where_one_part_does_not_come_none_is_kept(tmp_path: Path) -> None:
    with Downloads(sound, sound, refused(403), parts=3) as vendor:
        assert isinstance(stopped(vendor, tmp_path), LinkRefusedError)
    assert len(vendor.fetched) == 5


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_whose_number_changes_stop(parts: int, tmp_path: Path) -> None:
    def then_others(seen: Seen, whole: bytes) -> Answer:
        vendor.parts = parts
        return sound(seen, whole)

    with Downloads(then_others, parts=3) as vendor:
        error = stopped(vendor, tmp_path)
    assert isinstance(error, UnexpectedAnswerError)
    assert f"3 files of the result, and then {parts}" in str(error)


# 21 and 22: where a link leads, and who sees the key


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_redirect_to_another_host_or_port_carries_no_key(name: str, tmp_path: Path) -> None:
    with ScriptedServer(in_turn(Answer(200, TEXT))) as other:
        target = other.base_url.replace("127.0.0.1", name) + "/moved"
        with Downloads(lambda _seen, _whole: Answer(302, headers={"Location": target})) as vendor:
            assert files_of(vendor, tmp_path) == [TEXT]
        assert vendor.ranges == [None]
    (seen,) = other.seen
    assert not {name for name in seen.headers if name.lower().startswith("x-app")}


UNSAFE = [
    "http://files.example/x?token=canary",
    "http://download.voucherify.io/v1/exports/exp_1?token=canary",
    "https://10.0.0.1/x?token=canary",
    "https://169.254.169.254/latest/meta-data/?token=canary",
    "https://[::ffff:192.168.0.1]/x?token=canary",
    "file:///etc/passwd",
    "ftp://files.example/x",
    "https://[::1/x?token=canary",
    "https://canary:x@\u2100.example/?token=canary",
    "https://files.example:port/?token=canary",
    "https://evil.example\\@download.voucherify.io/x?token=canary",
]


@pytest.mark.parametrize("url", [*UNSAFE, "canary", "//files.example/x?token=canary"])
def test_a_link_to_where_no_export_can_be_is_refused(url: str, tmp_path: Path) -> None:
    with Downloads() as vendor:
        vendor.result = lambda _url: url
        assert isinstance(stopped(vendor, tmp_path), UnsafeLinkError)
    assert vendor.fetched == []
    assert vendor.asked("create") == 1


@pytest.mark.parametrize("url", UNSAFE)
def test_a_redirect_to_where_no_export_can_be_is_refused(url: str, tmp_path: Path) -> None:
    # As bytes come through a header.
    target = url.encode().decode("latin-1")
    with Downloads(lambda _seen, _whole: Answer(302, headers={"Location": target})) as vendor:
        assert isinstance(stopped(vendor, tmp_path), UnsafeLinkError)
    assert vendor.ranges == [None]


@pytest.fixture
def keyed() -> VoucherifyExports:
    api = ExportsApi(make_client("https://api.voucherify.io", app_keys(), SystemClock()))
    return VoucherifyExports(api, app_keys())


@pytest.mark.parametrize(
    "url",
    [
        "https://download.voucherify.io/v1/exports/exp_1?token=x",
        "https://us1.download.voucherify.io/v1/exports/exp_1?token=x",
        "https://DOWNLOAD.voucherify.io:443/x",
        "https://api.voucherify.io/x",
    ],
)
def test_hosts_of_the_vendors_own_see_the_key(url: str, keyed: VoucherifyExports) -> None:
    assert keyed._may_see(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://download.voucherify.io/x",
        "http://api.voucherify.io/x",
        "https://s3-eu-west-1.amazonaws.com/voucherify-exports/x.csv",
        "https://voucherify.io.evil.example/x",
        "https://evil-voucherify.io/x",
        "https://evilvoucherify.io/x",
        "https://download.voucherify.io@evil.example/x",
        "https://evil.example/?.voucherify.io",
        "https://evil.example#.voucherify.io",
        "https://evil.example\\.voucherify.io/x",
        "https://download.voucherify.io./x",
        "https://127.0.0.1/x",
        "http://127.0.0.1/x",
        "ftp://download.voucherify.io/x",
        "https://[::1/x",
        "https://\u2100.voucherify.io/x",
        "//download.voucherify.io/x",
        "",
    ],
)
def test_hosts_of_others_never_see_the_key(url: str, keyed: VoucherifyExports) -> None:
    assert not keyed._may_see(url)


def test_a_storage_host_of_another_name_sees_no_key(voucherify_bench: VoucherifyBench) -> None:
    with ScriptedServer(in_turn(Answer(200, TEXT))) as storage:
        url = storage.base_url.replace("127.0.0.1", "localhost") + "/x?X-Amz-Signature=canary"
        voucherify_bench.vendor.result = lambda _url: {"url": url}
        assert voucherify_bench.outcome().file().path.read_bytes() == TEXT
    (seen,) = storage.seen
    assert not {name for name in seen.headers if name.lower().startswith("x-app")}
