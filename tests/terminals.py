"""A real terminal for a program: what is typed into it, and what its screen shows in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

#: Becomes the program, once the terminal is its own.
_AT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
#: What a program writes to move the cursor, to erase, to color, or to hide the cursor.
_CONTROL = re.compile(r"\x1b\[(\??)(\d*)[\d;]*([A-Za-z])|\x1b.|\r|\n|[^\x1b\r\n]+")


class Terminal:
    """Runs a program at a terminal of its own, so that a Ctrl-C typed there reaches it alone.

    Args:
        command: The program and its arguments.
        settings: More of its environment.
        columns: How wide the terminal is.
    """

    def __init__(
        self, command: Sequence[str], settings: Mapping[str, str], columns: int = 80
    ) -> None:
        self.columns = columns
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, *command],
            env={**os.environ, "TERM": "xterm-256color", **settings},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    @property
    def written(self) -> str:
        """All that the program has written so far, control sequences included."""
        return self._received.decode("utf-8", errors="replace")

    def read_until(self, text: str, timeout: float = 60) -> None:
        """Wait until the program has written a text that it had not written before."""
        begun, until = len(self.written), time.monotonic() + timeout
        while text not in self.written[begun:]:
            assert self._read(until - time.monotonic()), f"{text!r} is not in {self.written!r}"

    def type(self, text: str) -> None:
        """Type a text; `\\x03` is Ctrl-C."""
        os.write(self._ours, text.encode())

    def terminate(self) -> None:
        """Send the program SIGTERM."""
        self._process.terminate()

    def end_by(self, interrupt: Callable[[], None], told: str, patience: float = 5) -> int:
        """Interrupt a program that waits for an answer, until it tells so; its exit code.

        A signal in the moment before Python reads is noticed with the next one alone.
        """
        while True:
            interrupt()
            until = time.monotonic() + patience
            while time.monotonic() < until:
                if told in self.written:
                    return self.wait()
                self._read(0.1)

    def wait(self, timeout: float = 60) -> int:
        """Wait for its end; its exit code."""
        until = time.monotonic() + timeout
        while self._read(until - time.monotonic()):
            pass
        return self._process.wait(timeout)

    def _read(self, seconds: float) -> bool:
        """Whether more came within that time; nothing comes after the program's end."""
        assert seconds > 0, self.written
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        try:
            more = os.read(self._ours, 65536)
        except OSError:
            # Linux, where nobody has the other end any more.
            return False
        self._received += more
        return bool(more)

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor was left visible."""
        return self.written.rfind("\x1b[?25h") >= self.written.rfind("\x1b[?25l")

    @property
    def screen(self) -> list[str]:
        """The lines that a person sees, those that have scrolled away too."""
        return screen_of(self.written, self.columns)


def screen_of(written: str, columns: int) -> list[str]:
    """What a terminal shows of a text with control sequences: its lines, from the first one on."""
    lines, row, column = [""], 0, 0
    for found in _CONTROL.finditer(written):
        private, count, action = found.groups()
        text = found[0]
        if text == "\r":
            column = 0
        elif text == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif action == "A":
            row = max(0, row - int(count or 1))
        elif action == "K" and not private:
            lines[row] = "" if count == "2" else lines[row][:column]
        elif not text.startswith("\x1b"):
            for sign in text:
                if column == columns:
                    row, column = row + 1, 0
                    lines += [""] * (row + 1 - len(lines))
                line = lines[row].ljust(column)
                lines[row] = line[:column] + sign + line[column + 1 :]
                column += 1
    return [line.rstrip() for line in lines]
