"""Errors of this package.

The class tells a caller what it can do::

    SpaazaSourceError
    ├── SettingsError               fix a setting, then run again
    │   ├── CredentialsError        the vendor refused the credentials
    │   └── LargePlanError          more exports would be requested than is allowed
    ├── UnavailableError            wait, then run again
    │   ├── UnreachableError        no connection to a host could be made
    │   ├── ExportTimeoutError      an export was not done by its deadline
    │   ├── LinkRefusedError        a file's host refused the link
    │   └── IncompleteDownloadError a file did not arrive whole
    ├── VendorError                 ask the vendor
    │   ├── RequestRefusedError     the vendor refused what was asked
    │   ├── UnexpectedAnswerError   the vendor's answer is not as documented
    │   ├── ExportFailedError       an export ended in an error at the vendor
    │   │   └── VanishedError       the vendor no longer has the job
    │   └── UnsafeLinkError         a download link leads to a host or network that is not allowed
    ├── WrongCountError             load again: row counts in the destination do not match
    └── FileError                   ask the vendor for a correct file, or correct it
        ├── HeaderError             the header cannot name a table's columns
        ├── EncodingError           the file is not UTF-8
        ├── MalformedFileError      the file is not valid CSV or JSON records
        ├── TooManyRejectedRowsError  more rows were rejected than the settings allow
        ├── BrokenKeyError          the key is empty or not unique
        ├── ExpectationError        the rows are not as the settings expect them to be
        ├── DriftError              the file is not as the last one was, which is to stop it
        └── TooManyDeletionsError   the load would delete more rows than the settings allow

No message holds a credential, the query of a signed link, or the value of a cell.
"""

from __future__ import annotations

import datetime as dt
from collections import abc
from difflib import get_close_matches


class SpaazaSourceError(Exception):
    """The root: catch it to catch everything this package raises on purpose.

    Args:
        cause: What went wrong, one sentence without its full stop.
        where: The part of the work: an index, a job's id, a line, a setting's name.
        hint: What the reader can do about it, one sentence.
    """

    def __init__(self, cause: str, *, where: str | None = None, hint: str | None = None) -> None:
        # Only `cause` is an argument of the exception, so that it survives pickling: dlt keeps it.
        super().__init__(cause)
        self.cause = cause
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Where, cause and hint, as one line."""
        where = f"{self.where}: " if self.where else ""
        return f"{where}{self.cause}." + (f" {self.hint}" if self.hint else "")


class SettingsError(SpaazaSourceError):
    """A setting is missing, wrong, or contradicts another."""


class CredentialsError(SettingsError):
    """The vendor refused the credentials, or they give no access to this chain."""


class LargePlanError(SettingsError):
    """A table's first load, or a range, would request more exports than `max_exports` allows.

    Attributes:
        table: Whose.
        exports: How many.
        start: Of the range that they would cover.
        end: Its end, exclusive.
    """

    table: str
    exports: int
    start: dt.datetime
    end: dt.datetime


class UnavailableError(SpaazaSourceError):
    """The vendor or the network is down or overloaded; nothing is wrong with the request.

    Attributes:
        status: The HTTP status that said so; None where no answer came.
        retry_after: Seconds the vendor asks to wait; None where it does not say.
    """

    status: int | None = None
    retry_after: float | None = None


class UnreachableError(UnavailableError):
    """No connection to a host could be made: its name is wrong, or it or the network is down."""


class ExportTimeoutError(UnavailableError):
    """An export was not done by its deadline; it may still run at the vendor."""


class LinkRefusedError(UnavailableError):
    """A file's host refused its link: it expired, or is not served yet."""


class IncompleteDownloadError(UnavailableError):
    """It could not be verified that a file arrived whole."""


class VendorError(SpaazaSourceError):
    """The vendor cannot or will not do what was asked."""


class RequestRefusedError(VendorError):
    """The vendor refused a request as such (HTTP 4xx other than 401, 403 and 429).

    Attributes:
        status: The HTTP status that said so; None where the request was never sent.
    """

    status: int | None = None


class UnexpectedAnswerError(VendorError):
    """The vendor's answer is not as documented, so it cannot be used."""


class ExportFailedError(VendorError):
    """The vendor ran an export and it ended in an error."""


class VanishedError(ExportFailedError):
    """The vendor no longer has a job that it had accepted."""


class UnsafeLinkError(VendorError):
    """A download link has a scheme or an address that is not allowed."""


class WrongCountError(SpaazaSourceError):
    """After a load, the destination has another number of its rows than were exported."""


class FileError(SpaazaSourceError):
    """A file must not be loaded as it is."""


class HeaderError(FileError):
    """The header cannot name a table's columns: a name is empty, repeated or reserved."""


class EncodingError(FileError):
    """The file is not UTF-8 text."""


class MalformedFileError(FileError):
    """The file is not CSV by RFC 4180, or not JSON records, or is damaged in structure."""


class TooManyRejectedRowsError(FileError):
    """A larger share of the rows was rejected than the settings allow."""


class BrokenKeyError(FileError):
    """A key is empty in some rows of a table, or the same in several."""


class ExpectationError(FileError):
    """The rows of a table do not hold what the setting `expectations` says of them."""


class DriftError(FileError):
    """A file is not as the table's last one was, and the setting `on_drift` is `stop`."""


class TooManyDeletionsError(FileError):
    """A file lacks so many of the table's rows that the file is more likely wrong."""


def wrong_kind(argument: str, value: object, kind: str) -> SettingsError:
    """The error for an argument of another kind: it repeats what was given.

    Args:
        argument: The argument's name.
        value: What was given; no secret.
        kind: What it must be, such as `a path`.
    """
    return SettingsError(f"{str(value)[:40]!r} is not {kind}", where=argument)


def not_among(setting: str, value: object, choices: abc.Iterable[object]) -> SettingsError:
    """The error for a value that is none of the choices: it repeats the value and names them.

    Args:
        setting: The setting's name.
        value: What was given; no secret.
        choices: All that it could be.
    """
    names = [str(choice) for choice in choices]
    near = get_close_matches(str(value).lower(), names, 1)
    return SettingsError(
        f"{str(value)[:40]!r} is not among {', '.join(names)}",
        where=setting,
        hint=f"Did you mean {near[0]!r}?" if near else "Choose one of these.",
    )
