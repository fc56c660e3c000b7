"""The notebooks as apps in a real browser: no error on the page, charts drawn, clicks answered."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

from tests.notebooks import apps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        apps.browser() is None,
        reason="neither Chromium with its driver, nor Chrome with it, is here",
    ),
]


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with apps.chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def loyalty(
    driver: webdriver.Chrome, demos: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The notebook of the demo at Spaaza, in the browser with all its panels."""
    with apps.opened(driver, "loyalty", demos["spaaza"], tmp_path_factory.mktemp("loyalty")):
        show_panels(driver)
        yield


def show_panels(driver: webdriver.Chrome) -> None:
    apps.until(lambda: apps.charts(driver), "the first chart")
    apps.show_all(driver)


def grey_panels(driver: webdriver.Chrome) -> str:
    """What they say, as the page is at one moment: it draws them anew while the cells run."""
    read = "return found.map((each) => each.innerText).join('\\n');"
    return str(driver.execute_script(apps.FIND.replace("return found;", read), ".missing"))


def check_charts(driver: webdriver.Chrome, charts: int, grey: int) -> None:
    """So many are drawn, and panels without data; without an error, from this machine alone."""
    apps.until(lambda: len(apps.charts(driver)) >= charts, f"{charts} charts")
    assert len(apps.found(driver, ".missing")) == grey
    assert apps.complaints(driver) == []


@pytest.mark.thorough
@pytest.mark.usefixtures("loyalty")
def test_every_chart_of_loyalty_is_drawn_without_an_error(driver: webdriver.Chrome) -> None:
    # No member of the demo has a date of review, and nobody wrote the liability book: these are
    # grey.
    check_charts(driver, charts=18, grey=2)


@pytest.mark.thorough
@pytest.mark.usefixtures("loyalty")
def test_a_click_on_a_segment_shows_its_members(driver: webdriver.Chrome) -> None:
    counted = re.compile(r"(\w[\w ]*): ([\d,]+), in members")

    def members() -> tuple[str, int] | None:
        told = counted.search(driver.find_element(By.TAG_NAME, "body").text)
        return (told[1], int(told[2].replace(",", ""))) if told else None

    everyone = apps.until(members, "the members")
    assert everyone[0] == "All members"
    bars = apps.until(lambda: apps.control(driver, "marimo-vega", "canvas"), "the bars")
    # The first bar is the champions'; it begins behind the longest name.
    ActionChains(driver).move_to_element_with_offset(
        bars, 100 - bars.size["width"] // 2, 25 - bars.size["height"] // 2
    ).click().perform()
    apps.until(lambda: (members() or everyone)[0] == "Champions", "the champions")
    champions = members()
    assert champions
    assert 0 < champions[1] < everyone[1]
    assert apps.complaints(driver) == []


@pytest.mark.thorough
def test_every_chart_of_first_look_is_drawn_without_an_error(
    driver: webdriver.Chrome, demos: dict[str, Path], tmp_path: Path
) -> None:
    with apps.opened(driver, "first_look", demos["spaaza"], tmp_path):
        show_panels(driver)
        # Nothing has changed, and no row was rejected: two panels have nothing to show.
        check_charts(driver, charts=3, grey=2)


@pytest.mark.thorough
def test_nothing_that_a_notebook_shows_is_written_beside_it(
    driver: webdriver.Chrome, demos: dict[str, Path], tmp_path: Path
) -> None:
    before = apps.checkout(tmp_path)
    with apps.edited(driver, "loyalty", demos["spaaza"], tmp_path):
        apps.until(lambda: apps.charts(driver), "the first chart")
        # marimo would write every two seconds what has changed.
        time.sleep(3)
    assert apps.files(tmp_path) == before


@pytest.mark.thorough
def test_what_is_missing_is_grey_beside_what_is_there(
    driver: webdriver.Chrome, tmp_path: Path
) -> None:
    path = tmp_path / "own.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(
            "CREATE TABLE transactions AS SELECT TIMESTAMP '2026-01-01' AS timestamp,"
            " 'a' AS \"wie; 'kocht'\", 5.0 AS amount"
        )
    with apps.opened(driver, "loyalty", path, tmp_path):
        needed = "No row of transactions has happened_at and member_id, as the model reads it."
        apps.until(lambda: needed in grey_panels(driver), "a grey panel")
        apps.until(lambda: apps.charts(driver), "a chart of what is there")
        assert apps.complaints(driver) == []
