"""Faults 15, 16 and 18: links that expire, transfers that break, hosts that carry on wrongly.

What else is tested of these lines, README.md tells.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from spaaza_source.errors import IncompleteDownloadError, LinkRefusedError
from spaaza_source.transport import links
from spaaza_source.transport.download import CHUNK
from tests.faults.hosts import (
    BadHost,
    Host,
    chunked,
    cut,
    fetched,
    in_turn,
    rest_of,
    sound,
    until_closed,
)
from tests.vendors.server import CANARY, Answer, Seen

pytestmark = pytest.mark.wing("transport")

TEXT = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(60_000))
THIRD = len(TEXT) // 3


def refused(status: int) -> Host:
    return lambda _seen, _whole: Answer(status, b"<Error><Code>ExpiredToken</Code></Error>")


def check_whole(host: Host, folder: Path, ranges: list[str | None], text: bytes = TEXT) -> BadHost:
    """The file arrives whole, its bytes counted once, by these requests."""
    with BadHost("users", host, users=text) as vendor:
        export = fetched(vendor, folder)
    unpacked = gzip.decompress(text) if text.startswith(b"\x1f\x8b") else text
    file = export.file()
    assert file.path.read_bytes() == unpacked
    assert file.sha256 == hashlib.sha256(unpacked).hexdigest()
    assert (export.received, file.received) == (len(text), len(text))
    assert [seen.headers.get("Range") for seen in vendor.fetched] == ranges
    assert list(folder.iterdir()) == [file.path]
    return vendor


def check_stop(host: Host, folder: Path, words: str, tries: int) -> None:
    """The download stops after so many requests, and leaves nothing."""
    with BadHost("users", host, users=TEXT) as vendor:
        with pytest.raises(IncompleteDownloadError, match=words) as stopped:
            fetched(vendor, folder)
        assert CANARY not in str(stopped.value)
        assert str(stopped.value).startswith("users, job 1")
    assert len(vendor.fetched) == tries
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("status", [401, 403, 410])
@pytest.mark.parametrize("times", [1, 2])
def test_an_expired_link_is_followed_by_a_fresh_one(
    tmp_path: Path, status: int, times: int
) -> None:
    host = in_turn(*[refused(status)] * times, sound)
    vendor = check_whole(host, tmp_path, [None] * (times + 1))
    asked = [f"{vendor.base_url}{seen.path}" for seen in vendor.fetched]
    assert asked == vendor.links
    assert len(set(asked)) == times + 1


@pytest.mark.parametrize("status", [401, 410])
def test_after_three_expired_links_there_is_no_fourth(tmp_path: Path, status: int) -> None:
    with (
        BadHost("users", refused(status), users=TEXT) as vendor,
        pytest.raises(LinkRefusedError, match=f"HTTP {status}") as stopped,
    ):
        fetched(vendor, tmp_path)
    assert len(vendor.links) == len(vendor.fetched) == 3
    assert CANARY not in str(stopped.value)
    assert "users, job 1" in str(stopped.value)


def test_a_link_that_expires_between_two_parts_does_not_lose_the_first(tmp_path: Path) -> None:
    host = in_turn(lambda seen, whole: cut(rest_of(whole, seen), THIRD), refused(403), sound)
    check_whole(host, tmp_path, [None, f"bytes={THIRD}-", f"bytes={THIRD}-"])


@pytest.mark.parametrize("packed", [False, True])
def test_a_reset_in_the_middle_is_carried_on(tmp_path: Path, packed: bool) -> None:
    text = gzip.compress(TEXT) if packed else TEXT
    with BadHost(
        "users",
        in_turn(lambda seen, whole: cut(rest_of(whole, seen), len(text) // 2, "reset"), sound),
        users=text,
    ) as vendor:
        assert fetched(vendor, tmp_path).file().path.read_bytes() == TEXT
    assert len(vendor.fetched) == 2


def test_a_reset_before_any_byte_starts_over(tmp_path: Path) -> None:
    host = in_turn(lambda seen, whole: cut(rest_of(whole, seen), 0, "reset"), sound)
    check_whole(host, tmp_path, [None, None])


@pytest.mark.parametrize("validated", [True, False])
def test_a_stall_is_left_and_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validated: bool
) -> None:
    monkeypatch.setattr(links, "TIMEOUT", (5.0, 0.2))
    etag = '"v1"' if validated else ""

    def stalling(seen: Seen, whole: bytes) -> Answer:
        return cut(rest_of(whole, seen, etag), THIRD, "stall")

    # What came since the last full buffer is fetched again.
    carried_on = f"bytes={THIRD // CHUNK * CHUNK}-" if validated else None
    check_whole(in_turn(stalling, sound), tmp_path, [None, carried_on])


@pytest.mark.parametrize("then", ["", "reset"])
def test_a_host_that_breaks_every_time_is_given_up(tmp_path: Path, then: str) -> None:
    broken = Answer(200, TEXT[:1000], {"Content-Length": str(len(TEXT))}, then)  # type: ignore[arg-type]
    check_stop(lambda _seen, _whole: broken, tmp_path, "connection broke", tries=5)


def test_a_host_that_stalls_every_time_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "TIMEOUT", (5.0, 0.1))
    check_stop(
        lambda seen, whole: cut(rest_of(whole, seen), 1000, "stall"), tmp_path, "broke", tries=5
    )


def test_a_host_that_fails_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    def failing(_seen: Seen, _whole: bytes) -> Answer:
        return Answer(503, b"<Error><Code>SlowDown</Code></Error>")

    def half(seen: Seen, whole: bytes) -> Answer:
        return cut(rest_of(whole, seen), THIRD)

    check_whole(
        in_turn(failing, half, failing, sound),
        tmp_path,
        [None, None, f"bytes={THIRD}-", f"bytes={THIRD}-"],
    )
    (tmp_path / "never").mkdir()
    check_stop(failing, tmp_path / "never", "HTTP 503", tries=5)


def test_chunks_that_break_off_are_carried_on_to_the_whole_length(tmp_path: Path) -> None:
    def breaking(_seen: Seen, whole: bytes) -> Answer:
        answer = chunked(whole[: len(whole) // 1000 // 2 * 1000], whole=False)
        return Answer(200, answer.body, {**answer.headers, "ETag": '"v1"'})

    # The second part breaks off too, at a record's end: only its Content-Range tells the whole.
    def part(seen: Seen, whole: bytes) -> Answer:
        answer = rest_of(whole, seen)
        half = answer.body[: answer.body.index(b"\n", len(answer.body) // 2) + 1]
        return Answer(206, half, {**answer.headers, "Content-Length": str(len(half))})

    begun = len(TEXT) // 1000 // 2 * 1000
    more = begun + TEXT[begun:].index(b"\n", len(TEXT[begun:]) // 2) + 1
    host = in_turn(breaking, part, sound)
    check_whole(host, tmp_path, [None, f"bytes={begun}-", f"bytes={more}-"])


def test_a_host_without_ranges_sends_all_of_it_again(tmp_path: Path) -> None:
    whole = {"ETag": '"v1"'}
    host = in_turn(
        lambda _seen, text: cut(Answer(200, text, whole), THIRD),
        lambda _seen, text: Answer(200, text, whole),
    )
    check_whole(host, tmp_path, [None, f"bytes={THIRD}-"])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("told", ["etag", "length"])
def test_a_part_of_another_file_is_not_put_behind_the_first(
    tmp_path: Path, told: str, packed: bool
) -> None:
    """A host that knows ranges but not If-Range, and whose file changed meanwhile."""
    before = TEXT.replace(b"name", b"NAME") + (b"0,more\n" if told == "length" else b"")
    before, after = (gzip.compress(text, 1) if packed else text for text in (before, TEXT))
    size = len(before) // 3

    def other(seen: Seen, whole: bytes) -> Answer:
        first = int(seen.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        headers = {"Content-Range": f"bytes {first}-{len(whole) - 1}/{len(whole)}"}
        if told == "etag":
            headers["ETag"] = '"v2"'
        return Answer(206, whole[first:], headers)

    host = in_turn(lambda seen, _whole: cut(rest_of(before, seen), size), other, sound)
    check_whole(host, tmp_path, [None, f"bytes={size}-", None], after)


def test_a_part_that_nobody_asked_for_is_not_the_whole(tmp_path: Path) -> None:
    end = TEXT.index(b"\n", THIRD) + 1

    def part(_seen: Seen, whole: bytes) -> Answer:
        return Answer(206, whole[:end], {"Content-Range": f"bytes 0-{end - 1}/{len(whole)}"})

    check_whole(in_turn(part, sound), tmp_path, [None, None])


def test_a_part_that_does_not_tell_the_whole_proves_nothing(tmp_path: Path) -> None:
    def part(_seen: Seen, whole: bytes) -> Answer:
        answer = chunked(whole[:THIRD])
        told = {**answer.headers, "Content-Range": f"bytes 0-{THIRD - 1}/*"}
        return Answer(206, answer.body, told)

    with BadHost("users", part, users=TEXT) as vendor:
        assert not fetched(vendor, tmp_path).file().end_verified


def test_where_there_is_nothing_to_carry_on_it_starts_over(tmp_path: Path) -> None:
    """All bytes came but not their end, or the file is shorter now: the host has no such part."""

    def breaking(_seen: Seen, whole: bytes) -> Answer:
        answer = chunked(whole, whole=False)
        return Answer(200, answer.body, {**answer.headers, "ETag": '"v1"'})

    def nothing_there(seen: Seen, whole: bytes) -> Answer:
        return Answer(416) if "Range" in seen.headers else sound(seen, whole)

    size = f"bytes={len(TEXT)}-"
    vendor = check_whole(in_turn(breaking, nothing_there), tmp_path, [None, size, None])
    assert len(vendor.links) == 2


def test_a_gzip_file_without_a_length_that_ends_early_is_carried_on(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT)
    size = len(packed) // 3
    host = in_turn(lambda _seen, whole: until_closed(whole[:size], ETag='"v1"'), sound)
    check_whole(host, tmp_path, [None, f"bytes={size}-"], packed)
