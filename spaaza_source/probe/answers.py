"""What a probe has found, in words, and the settings that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from spaaza_source.probe.tasks import TIME_FIELDS

#: Seconds asked for beyond a window where the vendor's filter does not mean UTC to the second; and
#: where what it means is not known: whole days of a local time, without their bounds, need as much.
WIDE_MARGIN, WIDEST_MARGIN = 86_400.0, 2 * 86_400.0
#: Seconds after which a waiting task is executed, where none begins by itself.
EXECUTE_SOON = 30.0
UNKNOWN = "not found out"


@dataclass
class Answers:
    """The answers to a probe's questions; None for what could not be found out.

    Attributes:
        headers: By table, the header of its file.
        keys: By table, the columns that tell its rows apart.
        time_columns: By table, the column that has the filter's times.
        nothing: What an export without a row is: `header`, or `zero bytes`.
        runs_past: Whether a task whose time has passed runs by itself.
        runs_future: Whether one whose time is to come does.
        shift: How far outside of the window that was asked for rows lie, at most; None where there
            were no rows.
        has_row_amid: Whether a window has the row that lies amid it, a second from both ends.
        ahead: How far the filter's time is ahead of UTC, where `has_row_amid` is false.
        end_is_inclusive: Whether a row at the end of a window is in its export.
        start_is_inclusive: The same of its start.
        is_to_the_second: Whether the filter tells seconds apart.
        queue_seconds: How long tasks wait before they begin: the median.
        failed: By task, what its export failed with.
    """

    headers: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    time_columns: dict[str, str] = field(default_factory=dict)
    nothing: Literal["header", "zero bytes"] | None = None
    runs_past: bool | None = None
    runs_future: bool | None = None
    shift: timedelta | None = None
    has_row_amid: bool | None = None
    ahead: timedelta | None = None
    end_is_inclusive: bool | None = None
    start_is_inclusive: bool | None = None
    is_to_the_second: bool | None = None
    queue_seconds: float | None = None
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def means_utc(self) -> bool | None:
        """Whether the filter means the instants that it was given, to the second."""
        if self.is_to_the_second is False or (self.shift or timedelta(0)) > timedelta(seconds=1):
            return False
        # That no row lies outside proves nothing: by night there may be none.
        return self.has_row_amid

    @property
    def filter_margin(self) -> float | None:
        """The seconds to ask for beyond a window; None where those of the default are enough."""
        if self.means_utc or self.shift is None:
            return None
        is_known = self.has_row_amid or self.ahead is not None
        return WIDE_MARGIN if is_known else WIDEST_MARGIN


def settings_of(answers: Answers) -> dict[str, Any]:
    """The settings of `spaaza_source` that follow, as dlt's configuration has them."""
    settings: dict[str, Any] = {}
    if answers.filter_margin is not None:
        settings["filter_margin"] = answers.filter_margin
    if answers.nothing == "zero bytes":
        settings["empty_files"] = "accept"
    if answers.runs_future is False:
        settings["execute_after"] = EXECUTE_SOON
    others = {
        table: column
        for table, column in answers.time_columns.items()
        if column != TIME_FIELDS[table] and table != "users"
    }
    if others:
        settings["time_columns"] = others
    return {"sources": {"spaaza": settings}} if settings else {}


def describe_answers(answers: Answers) -> dict[str, Any]:
    """What was found, for the profile and for a person: question and answer."""
    return {
        "an export without a row is": answers.nothing or UNKNOWN,
        "a task whose time has passed runs": _yes(answers.runs_past),
        "a task runs by itself at its time": _yes(answers.runs_future),
        "the date filter means UTC": _yes(answers.means_utc) + _describe_shift(answers),
        "it tells seconds apart": _yes(answers.is_to_the_second),
        "the end of a window is in it": _yes(answers.end_is_inclusive),
        "the start of a window is in it": _yes(answers.start_is_inclusive),
        "seconds in the queue": UNKNOWN
        if answers.queue_seconds is None
        else round(answers.queue_seconds, 1),
        "time columns": answers.time_columns,
        "keys": answers.keys,
        "headers": answers.headers,
        "failed": answers.failed,
    }


def _describe_shift(answers: Answers) -> str:
    if answers.ahead:
        side = "ahead" if answers.ahead > timedelta(0) else "behind"
        return f" (its time is {abs(answers.ahead)} {side})"
    if answers.shift and not answers.means_utc:
        return f" (rows lie up to {answers.shift} outside)"
    return ""


def _yes(answer: bool | None) -> str:
    return UNKNOWN if answer is None else "yes" if answer else "no"
