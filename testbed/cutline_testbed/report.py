"""What a person sees while something long is going on.

A terminal gets one line that redraws itself; a log gets a fresh line now and then, so that no
minute passes in silence. It refuses to decide what is worth saying: callers hand in the text.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

LOG_INTERVAL_S = 10.0
REDRAW_INTERVAL_S = 0.2
BAR_WIDTH = 24


def bar(fraction: float, width: int = BAR_WIDTH) -> str:
    """Draw a fraction as a fixed-width bar; out-of-range fractions are clipped."""
    filled = round(max(0.0, min(1.0, fraction)) * width)
    return "[" + "#" * filled + "." * (width - filled) + "]"


def elapsed_text(seconds: float) -> str:
    """Seconds as people say them: 41s, 3m05s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


class Report:
    """Prints to one stream; remembers whether a redrawn line is still open on it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._open_line = False
        self._last = 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        self._close_line()
        print(text, file=self._stream, flush=True)

    def progress(self, text: str, fraction: float | None = None) -> None:
        """The state of a long step. Cheap to call often: it prints only when it is time to."""
        now = time.monotonic()
        if now - self._last < (REDRAW_INTERVAL_S if self._live else LOG_INTERVAL_S):
            return
        self._last = now
        shown = text if fraction is None else f"{bar(fraction)} {text}"
        if not self._live:
            print(f"  {shown}", file=self._stream, flush=True)
            return
        columns = shutil.get_terminal_size().columns
        self._stream.write("\r\x1b[2K" + shown[: columns - 1])
        self._stream.flush()
        self._open_line = True

    def _close_line(self) -> None:
        if self._open_line:
            self._stream.write("\r\x1b[2K")
            self._open_line = False
