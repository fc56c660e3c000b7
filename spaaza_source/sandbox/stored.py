"""A finished file as an answer; who may have it is left to the endpoints."""

from pathlib import Path

from starlette.responses import FileResponse


class _StoredFile(FileResponse):
    """A file in parts of a megabyte: each part costs the event loop a trip to a thread."""

    chunk_size = 1 << 20


def stored_file(file: Path, media_type: str) -> FileResponse:
    """Sends a file, or the range of it that was asked for."""
    # Storage names no charset, which a response would add by itself to a text.
    return _StoredFile(file, headers={"content-type": media_type})
