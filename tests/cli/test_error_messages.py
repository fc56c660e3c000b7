from __future__ import annotations

import os
import pickle
import signal
import threading

import dlt
import duckdb
import pytest

from spaaza_source import errors
from spaaza_source.cli.output.error_messages import describe, exit_report


def wrapped(error: Exception) -> Exception:
    """As dlt wraps what a resource raises."""

    def resource() -> None:
        raise error

    pipeline = dlt.pipeline("explained", destination="duckdb", dataset_name="d")
    with pytest.raises(Exception, match=r"step=extract") as raised:
        pipeline.run(dlt.resource(resource, name="r"))
    return raised.value


def test_an_error_of_ours_is_found_under_what_dlt_wraps_around_it() -> None:
    error = errors.FileError("the gzip data is damaged", where="users, job 7", hint="Run again.")
    assert describe(wrapped(error)) == ("users, job 7: the gzip data is damaged. Run again.", 1)


def test_a_wrong_setting_has_its_own_exit_code() -> None:
    assert describe(errors.CredentialsError("refused"))[1] == 2


def test_a_destination_that_fails_is_named_as_such() -> None:
    words, code = describe(wrapped(duckdb.IOException("disk /a?sig=canary\nmore")))
    assert words.startswith("The destination failed: ")
    assert "canary" not in words or "?sig" not in words
    assert "\n" not in words
    assert code == 1


def test_anything_else_is_one_line_with_its_kind() -> None:
    assert describe(ZeroDivisionError("by\nzero")) == ("ZeroDivisionError: by zero", 1)


def test_an_error_survives_pickling() -> None:
    error = errors.HeaderError("two columns", where="users", hint="Ask.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(again), str(again)) == (errors.HeaderError, str(error))


def test_ctrl_c_in_a_query_of_duckdb_is_no_failure() -> None:
    # With one thread: with more, some of DuckDB's queries go on for a long time.
    endless = "SELECT count(*) FROM range(1_000_000_000_000) AS all_rows(n) WHERE n % 7 = 3"
    # Where the tests run in the background, the signal would be ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressed = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    pressed.start()
    try:
        with (
            duckdb.connect(config={"threads": 1}) as database,
            pytest.raises(RuntimeError) as interrupted,
        ):
            database.execute(endless)
    finally:
        signal.signal(signal.SIGINT, before)
    assert exit_report(interrupted.value) == (
        ["interrupted; the next run resumes from here"],
        128 + signal.SIGINT,
    )
