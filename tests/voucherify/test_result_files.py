"""The find_urls that an export's result names, in each form that is understood."""

from __future__ import annotations

from typing import Any

import pytest

from spaaza_source.voucherify.result_files import find_urls

URLS = ["https://files.example/1?token=x", "https://files.example/2?token=x"]


@pytest.mark.parametrize(
    "result",
    [
        {"urls": URLS},
        {"url": URLS},
        {"links": URLS},
        URLS,
        [{"url": url} for url in URLS],
        {"links": [{"url": url} for url in URLS]},
        [[url] for url in URLS],
    ],
)
def test_all_files_of_a_result_are_found_in_their_order(result: Any) -> None:
    assert find_urls(result) == URLS


@pytest.mark.parametrize("result", [{"url": URLS[0]}, URLS[0], [URLS[0]], {"urls": URLS[:1]}])
def test_a_result_may_be_one_file(result: Any) -> None:
    assert find_urls(result) == URLS[:1]


@pytest.mark.parametrize("result", [None, "", " ", {}, [], {"url": None}])
def test_there_may_be_no_result_yet(result: Any) -> None:
    assert find_urls(result) == []


@pytest.mark.parametrize(
    "result", [{"file": URLS[0]}, {"urls": [URLS[0], None]}, {"url": URLS[0], "more": URLS[1]}, 7]
)
def test_a_form_that_nobody_knows_names_no_file(result: Any) -> None:
    assert find_urls(result) is None
