"""The terminal: the one place that writes to it, asks on it, and knows whether it has colours."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TextIO

from cutline.domain.text import visible
from cutline_cli.rendering.lines import Line, Tone

_RESET = "\x1b[0m"
_COLOURS = {
    Tone.HEADING: "\x1b[1m",
    Tone.ADDED: "\x1b[32m",
    Tone.REMOVED: "\x1b[31m",
    Tone.WARNING: "\x1b[33m",
    Tone.QUIET: "\x1b[2m",
}


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command reads and writes. Every line passes `visible` on its way out."""

    out: TextIO
    err: TextIO
    into: TextIO
    has_colours: bool
    is_interactive: bool

    def show(self, lines: Iterable[Line]) -> None:
        """Write lines to the standard output."""
        for line in lines:
            self.out.write(self._painted(line) + "\n")
        self.out.flush()

    def say(self, *texts: str) -> None:
        """Write plain lines to the standard output."""
        self.show(Line(text) for text in texts)

    def show_json(self, tree: Any) -> None:
        """Write a tree as JSON; its ASCII form escapes whatever a terminal could act on."""
        self.out.write(json.dumps(tree, indent=2, ensure_ascii=True).replace("\x7f", "\\u007f") + "\n")
        self.out.flush()

    def note(self, text: str) -> None:
        """Write to the standard error, line by line: progress, warnings, errors."""
        for line in text.split("\n"):
            self.err.write(visible(line) + "\n")
        self.err.flush()

    def asks_for(self, question: str, answer: str) -> bool:
        """Whether the person at the terminal types exactly `answer`."""
        self.err.write(visible(question) + " ")
        self.err.flush()
        return self.into.readline().strip() == answer

    def _painted(self, line: Line) -> str:
        text = visible(line.text)
        colour = _COLOURS.get(line.tone)
        return f"{colour}{text}{_RESET}" if colour and self.has_colours and text else text


def console_of_process() -> Console:
    """The console of this process: colours only on a terminal, and not under NO_COLOR."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal with an ASCII locale must not turn a foreign name into a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    wants_none = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Console(
        out=sys.stdout,
        err=sys.stderr,
        into=sys.stdin,
        has_colours=sys.stdout.isatty() and not wants_none,
        is_interactive=sys.stdin.isatty() and sys.stderr.isatty(),
    )
