"""The API servers' audit logs, from now on or as far back as they reach. They are rotated while they are read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from cutline_testbed import Testbed


class AuditTail:
    """The lines that one API server logs after this object was made; open until the block ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open(errors="replace")
        self._file.seek(0, os.SEEK_END)
        self._begun = ""

    def __enter__(self) -> "AuditTail":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def lines(self) -> Iterator[str]:
        """The whole lines since the last call."""
        yield from self._read(self._file)
        # A full log is renamed and another one begun; what was open is the renamed one, read to its end now.
        if self._path.stat().st_ino != os.fstat(self._file.fileno()).st_ino:
            yield from self._read(self._file)
            self._file.close()
            self._file, self._begun = self._path.open(errors="replace"), ""
            yield from self._read(self._file)

    def _read(self, file: TextIO) -> Iterator[str]:
        for part in file:
            self._begun += part
            if self._begun.endswith("\n"):
                yield self._begun
                self._begun = ""


def everything(testbed: Testbed) -> Iterator[str]:
    """All lines that are left of all API servers' logs, in no order."""
    for path in testbed.layout.run.glob("kube-apiserver*.audit*.log"):
        with path.open(errors="replace") as log:
            yield from (line for line in log if line.endswith("}\n"))
