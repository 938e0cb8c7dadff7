"""Logs as one JSON object per line on standard output, ours and Kopf's alike."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

_KOPF: Final = "kopf"
_KOPF_RUNNING: Final = "kopf._core.reactor.running"


class JsonLines(logging.Formatter):
    """Time, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; text of unknown origin stays inside JSON strings, with what is not ASCII escaped."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(level: int = logging.INFO) -> None:
    """Send everything to standard output in this form."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line for each request it sends and each object it sees would bury what matters.
    logging.getLogger(_KOPF).setLevel(logging.WARNING)
    # It warns that it does not take the signals, which is why it has a thread of its own.
    logging.getLogger(_KOPF_RUNNING).setLevel(logging.ERROR)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def hush_kopf() -> None:
    """Before it is ended: what it was doing then fails, and that is no error."""
    for name in (_KOPF, _KOPF_RUNNING):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class OnChange:
    """Says something only when it is not what it said last: for what is looked at every second."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._last = ""

    def warn(self, text: str) -> None:
        """Warn, unless this was the last word."""
        if text != self._last:
            self._logger.warning("%s", text)
        self._last = text

    def clear(self) -> None:
        """All is well: the same trouble would be news again."""
        self._last = ""
