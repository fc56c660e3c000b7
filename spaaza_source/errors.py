"""Every error this package raises; where each is raised, and what for, is left to its callers.

The class tells a caller what it can do::

    SpaazaSourceError
    ├── SettingsError               fix a setting, then run again
    │   └── CredentialsError        the vendor refused the credentials
    ├── UnavailableError            wait, then run again
    │   ├── UnreachableError        no connection to a host could be made
    │   ├── ExportTimeoutError      an export outlived its deadline
    │   ├── LinkRefusedError        a file's host turned the link away
    │   └── IncompleteDownloadError a file did not arrive whole
    ├── VendorError                 ask the vendor
    │   ├── RequestRefusedError     the vendor refused what was asked
    │   ├── UnexpectedAnswerError   the vendor's answer has a shape nobody documented
    │   ├── ExportFailedError       an export ended in an error at the vendor
    │   │   └── VanishedError       the vendor has no such job any more
    │   └── UnsafeLinkError         a download link leads where no export can be
    ├── WrongCountError             load again: the destination lost rows, or doubled them
    └── FileError                   mend the file, or ask the vendor for a sound one
        ├── HeaderError             the header cannot name a table's columns
        ├── EncodingError           the file is not UTF-8
        ├── MalformedFileError      the file is no such CSV or JSON, or lost its structure
        ├── TooManyRejectedRowsError  more rows were bad than the settings allow
        ├── BrokenKeyError          what is to tell rows apart does not
        └── TooManyDeletionsError   more rows would go from a table than the settings allow

No message holds a credential, the query of a signed link, or the value of a cell.
"""

from __future__ import annotations


class SpaazaSourceError(Exception):
    """The root: catch it to catch everything this package raises on purpose.

    Args:
        cause: What went wrong, one sentence without its full stop.
        where: The place: an index, a job's id, a line, a setting's name.
        hint: What the reader can do about it, one sentence.
    """

    def __init__(self, cause: str, *, where: str | None = None, hint: str | None = None) -> None:
        # Only `cause` is an argument of the exception, so that it survives pickling: dlt keeps it.
        super().__init__(cause)
        self.cause = cause
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """All three parts as one line: where, cause, way out."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.cause}." + (f" {self.hint}" if self.hint else "")


class SettingsError(SpaazaSourceError):
    """A setting is missing, wrong, or contradicts another."""


class CredentialsError(SettingsError):
    """The vendor refused the credentials, or they do not reach this chain."""


class UnavailableError(SpaazaSourceError):
    """The vendor, or the way to it, is down or overloaded; nothing is wrong with the request.

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
    """A file's host turned its link away: it expired, or is not served yet."""


class IncompleteDownloadError(UnavailableError):
    """A file could not be proven to have arrived whole."""


class VendorError(SpaazaSourceError):
    """The vendor cannot or will not do what was asked."""


class RequestRefusedError(VendorError):
    """The vendor refused a request as such (HTTP 4xx other than 401, 403 and 429).

    Attributes:
        status: The HTTP status that said so; None where the request was never sent.
    """

    status: int | None = None


class UnexpectedAnswerError(VendorError):
    """The vendor's answer is not what its documents say, so it cannot be acted on."""


class ExportFailedError(VendorError):
    """The vendor ran an export and it ended in an error."""


class VanishedError(ExportFailedError):
    """A job that the vendor had taken on is not there any more."""


class UnsafeLinkError(VendorError):
    """A download link has a scheme or an address that no export of this vendor can have."""


class WrongCountError(SpaazaSourceError):
    """The destination does not hold as many rows of a load as the load has brought."""


class FileError(SpaazaSourceError):
    """A file must not be loaded as it is."""


class HeaderError(FileError):
    """The header cannot name the columns of a table: empty, repeated or reserved names."""


class EncodingError(FileError):
    """The file is not UTF-8 text."""


class MalformedFileError(FileError):
    """The file is not CSV as RFC 4180 has it, or not JSON records, or its structure is lost."""


class TooManyRejectedRowsError(FileError):
    """A larger share of the rows is bad than the settings allow."""


class BrokenKeyError(FileError):
    """What is to tell the rows of a table apart is empty in some, or the same in several."""


class TooManyDeletionsError(FileError):
    """A file lacks so many of the rows that the table holds that it is more likely at fault."""
