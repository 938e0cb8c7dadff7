"""The API servers' audit logs, from now on or as far back as they reach. They are rotated while they are read."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TextIO

from cutline_testbed import Testbed


class AuditTail:
    """The lines that one API server logs after this object was made; open until the block ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO = path.open(errors="replace")
        self._file.seek(0, os.SEEK_END)
        self._begun = ""

    def __enter__(self) -> "AuditTail":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def lines(self) -> Iterator[str]:
        """The whole lines since the last call, however often the log was rotated meanwhile."""
        yield from self._read(self._file)
        files = _opened(self._path)
        known = next((place for place, file in enumerate(files) if _is_one(file, self._file)), -1)
        for file in files[: known + 1]:
            file.close()
        for file in files[known + 1 :]:
            # A full log is renamed and another one begun; what was open is a renamed one, read to its end now.
            yield from self._read(self._file)
            self._file.close()
            self._file, self._begun = file, ""
            yield from self._read(self._file)

    def _read(self, file: TextIO) -> Iterator[str]:
        for part in file:
            self._begun += part
            if self._begun.endswith("\n"):
                yield self._begun
                self._begun = ""


def lines_of(path: Path) -> Iterator[str]:
    """All whole lines that are left of one API server's log, the oldest first."""
    with ExitStack() as stack:
        for file in [stack.enter_context(file) for file in _opened(path)]:
            yield from (line for line in file if line.endswith("}\n"))


def everything(testbed: Testbed) -> Iterator[str]:
    """All lines that are left of all API servers' logs, in no order."""
    for path in testbed.layout.run.glob("kube-apiserver*.audit.log"):
        yield from lines_of(path)


def _opened(path: Path) -> list[TextIO]:
    """The files of one log, the oldest first.

    The one that is written to is opened first: renamed in between, it is met again under another name, not missed.
    """
    current = path.open(errors="replace")
    former = []
    for backup in sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")):
        with suppress(FileNotFoundError):  # the oldest are removed
            former.append(backup.open(errors="replace"))
    if former and _is_one(former[-1], current):
        former.pop().close()
    return [*former, current]


def _is_one(one: TextIO, other: TextIO) -> bool:
    return os.path.sameopenfile(one.fileno(), other.fileno())
