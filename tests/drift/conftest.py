"""The scripted vendor of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vendors.spaaza_files import FileVendor


@pytest.fixture
def vendor() -> Iterator[FileVendor]:
    with FileVendor() as served:
        yield served
