"""Logs as JSON, one line per record, safe to print on a terminal.

A log line repeats names and messages that strangers chose. Everything that is not printable ASCII is
escaped, so that nothing in a line can end it, colour it or reverse its direction.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, logger, message, what came in `extra`, the traceback.

    An `extra` named in `without` is left out.
    """

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._without = _STANDARD | without

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end. Never raises for what a record carries."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        # What is always there comes first and cannot be overwritten by an `extra` of the same name.
        line |= {key: value for key, value in vars(record).items() if key not in self._without | line.keys()}
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        # json escapes what is below a space or above the tilde, except DEL.
        return json.dumps(line, default=str, skipkeys=True).replace("\x7f", "\\u007f")


def configure(level: int = logging.INFO, stream: TextIO | None = None, without: frozenset[str] = frozenset()) -> None:
    """Send all records from `level` upwards to `stream` (standard error), replacing what was set up."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter(without))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        # A wrong call must not cost the line that may explain an incident.
        return f"{record.msg} {record.args}"
