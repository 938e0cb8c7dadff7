"""The operator's logs: ours, and of Kopf's only what somebody must know."""

import logging
from typing import Final

from cutline.process import logs

_KOPF: Final = "kopf"
_KOPF_RUNNING: Final = "kopf._core.reactor.running"
# What it hangs on its records for its own formatter.
_KOPF_EXTRAS: Final = frozenset({"settings", "k8s_skip"})


def configure(level: int = logging.INFO) -> None:
    """Send everything to standard error in the form of all our processes."""
    logs.configure(level, without=_KOPF_EXTRAS)
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
