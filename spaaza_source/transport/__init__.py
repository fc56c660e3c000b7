"""HTTP and bytes: calls to a vendor's API, safe downloads, redaction; knows no dlt."""

from spaaza_source.transport.arriving_file import (
    AbandonedError,
    ArrivingBytes,
    ArrivingFile,
    StartedOverError,
)
from spaaza_source.transport.clock import Clock, Deadline, SystemClock
from spaaza_source.transport.connection_check import check_connection
from spaaza_source.transport.download import Download, FetchedFile
from spaaza_source.transport.gunzip import Gunzip
from spaaza_source.transport.http_client import HttpClient
from spaaza_source.transport.links import Link, open_link
from spaaza_source.transport.rate_limit import CallLimit
from spaaza_source.transport.redaction import (
    LONGEST_MESSAGE,
    Secret,
    SecretHeaders,
    redact,
    without_context,
)
from spaaza_source.transport.urls import is_loopback, parse_base_url
from spaaza_source.transport.vendor_words import vendor_words

__all__ = [
    "LONGEST_MESSAGE",
    "AbandonedError",
    "ArrivingBytes",
    "ArrivingFile",
    "CallLimit",
    "Clock",
    "Deadline",
    "Download",
    "FetchedFile",
    "Gunzip",
    "HttpClient",
    "Link",
    "Secret",
    "SecretHeaders",
    "StartedOverError",
    "SystemClock",
    "check_connection",
    "is_loopback",
    "open_link",
    "parse_base_url",
    "redact",
    "vendor_words",
    "without_context",
]
