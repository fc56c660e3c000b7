"""The notebooks as apps: served as users do, opened in the Chromium that this system has."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Finds the elements of a page; marimo's components keep what they draw in shadow trees.
FIND = """
const found = [];
const search = (root) => {
  found.push(...root.querySelectorAll(arguments[0]));
  for (const each of root.querySelectorAll("*")) if (each.shadowRoot) search(each.shadowRoot);
};
search(document);
return found;
"""
_CHARTS = "canvas.marks, svg.marks"


def browser() -> str | None:
    """Chromium's or Chrome's path, if it and its driver are installed."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found if shutil.which("chromedriver") else None


@contextmanager
def chromium(*, watched: bool = True) -> Iterator[webdriver.Chrome]:
    """A headless Chromium; `watched`, it notes its requests and what it complains of."""
    options = webdriver.ChromeOptions()
    options.binary_location = browser() or ""
    # Root, as in containers, has no sandbox of Chromium's.
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1000"):
        options.add_argument(argument)
    if watched:
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def served(name: str, database: Path | str, cwd: Path) -> Iterator[str]:
    """A notebook as users serve it, at the address that is shown; no cell of it may fail."""
    command = [sys.executable, str(NOTEBOOKS / "serve.py"), name, "--headless"]
    command += ["--db", str(database)]
    log = cwd / f"{name}.log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT)
    try:
        shown = re.compile(r"http://127\.0\.0\.1:(\d+)/\?token=\S+(?=\n)")
        address = until(lambda: shown.search(log.read_text()), "the app's address")
        until(lambda: _answers(int(address[1])), "the app to be served")
        yield address[0]
    finally:
        server.terminate()
        server.wait()
    # An app hides what its cells raise.
    assert "Traceback" not in (told := log.read_text()), told
    # Nothing of what it shows is kept in the checkout.
    assert not (NOTEBOOKS / "__marimo__").exists()


@contextmanager
def opened(driver: webdriver.Chrome, name: str, database: Path, cwd: Path) -> Iterator[None]:
    """A notebook's app in the browser, which leaves it before its server ends."""
    with served(name, database, cwd) as address:
        driver.get(address)
        try:
            yield
        finally:
            driver.get("about:blank")


def checkout(folder: Path) -> set[Path]:
    """Copy what marimo reads of the repository into a folder, and tell its files."""
    shutil.copytree(NOTEBOOKS, folder / NOTEBOOKS.name, ignore=shutil.ignore_patterns("__*__"))
    shutil.copy(NOTEBOOKS.parent / "pyproject.toml", folder)
    return files(folder)


def files(folder: Path) -> set[Path]:
    """The files of a folder, but for a log and Python's own caches."""
    found = {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"}
    return {path for path in found if "__pycache__" not in path.parts}


@contextmanager
def edited(driver: webdriver.Chrome, name: str, database: Path, cwd: Path) -> Iterator[None]:
    """A notebook of a `checkout`, as `marimo edit` opens it in the browser."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_urlsafe(16)
    command = [sys.executable, "-m", "marimo", "edit", f"notebooks/{name}.py", "--headless"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--token-password", token]
    command += ["--skip-update-check", "--", "--db", str(database)]
    with (cwd / "edit.log").open("wb") as out:
        server = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: _answers(port), "the notebook to be served")
        driver.get(f"http://127.0.0.1:{port}/?access_token={token}")
        yield
        driver.get("about:blank")
    finally:
        server.terminate()
        server.wait()


def found(driver: webdriver.Chrome, selector: str) -> list[Any]:
    """The elements of a page, those within its components too."""
    return list(driver.execute_script(FIND, selector))


def control(driver: webdriver.Chrome, component: str, selector: str, label: str = "") -> Any:
    """What a component with such a label has in its shadow tree; of those that have anything."""
    inside = "return arguments[0].shadowRoot?.querySelector(arguments[1])"
    for each in found(driver, component):
        named = label in (each.get_attribute("data-label") or "")
        if named and (got := driver.execute_script(inside, each, selector)):
            return got
    return None


def charts(driver: webdriver.Chrome) -> list[Any]:
    """The charts that are drawn."""
    return [each for each in found(driver, _CHARTS) if each.size["width"] and each.size["height"]]


def until(wanted: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What `wanted` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (got := wanted()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return got


def show_all(driver: webdriver.Chrome) -> None:
    """Make the window as high as the page, so that every panel is drawn."""
    hidden = "const app = document.getElementById('App');"
    hidden += "return app.scrollHeight - app.clientHeight"
    while (more := driver.execute_script(hidden)) > 0:
        size = driver.get_window_size()
        driver.set_window_size(size["width"], size["height"] + more)
        time.sleep(0.5)


def complaints(driver: webdriver.Chrome) -> list[str]:
    """Errors of the page, and requests to anywhere but this machine."""
    log: Callable[[str], list[dict[str, Any]]] = driver.get_log
    logged = [entry["message"] for entry in log("browser") if entry["level"] == "SEVERE"]
    sent = [json.loads(entry["message"])["message"] for entry in log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in sent
        if event["method"] == "Network.requestWillBeSent"
    ]
    local = ("http://127.0.0.1:", "data:", "blob:")
    return logged + [url for url in asked if not url.startswith(local)]


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
