"""A first build, interrupted on a terminal and begun again: what was compiled is not compiled twice."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cutline_testbed.go_sdk import find_go, require_go
from cutline_testbed.report import Report

# The least that Go can build: its runtime is some dozens of packages.
_SOURCE = {"go.mod": "module example.com/least\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}
# What stands between the build and Go writes down which packages are compiled; the build itself shows only some.
_GO = """#!/bin/sh
[ "$1" = install ] || exec "$REAL_GO" "$@"
"$REAL_GO" "$@" 2>&1 | tee "$COMPILED"
"""
_BUILD = """
import sys
from pathlib import Path
from cutline_testbed.go_build import build_into
from cutline_testbed.programs import ProgramSet
from cutline_testbed.report import Report

folder = Path(sys.argv[1])
least = ProgramSet("least", {"least": "example.com/least"}, cgo=False, first_build="a first build takes seconds")
build_into(folder / "built", folder / "go", least, ("least",), folder / "source", Report())
"""
_DRAWN = re.compile(r"\r\x1b\[2K\[#*\.*\] compiled ([0-9]+) of at most ([0-9]+) packages")
_ENOUGH = 10


class _Terminal:
    """The build on a terminal of its own, as it is after `make` is typed in one."""

    def __init__(self, folder: Path, go: Path, compiled: Path) -> None:
        self._ours, theirs = pty.openpty()
        settings = {"REAL_GO": str(go), "COMPILED": str(compiled), "GOCACHE": str(folder / "cache"), "COLUMNS": "200"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BUILD, str(folder)],
            env={**os.environ, **settings},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def reads_on(self) -> bool:
        """Wait for more to be shown; False once nobody writes any more."""
        try:
            more = os.read(self._ours, 65536).decode()
        except OSError:  # how Linux says that the other side is closed
            more = ""
        self.shown += more
        return bool(more)

    def ends(self) -> int:
        """Wait for that, and answer how."""
        while self.reads_on():
            pass
        os.close(self._ours)
        return self.process.wait(timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where it is built: the source, and Go with what stands before it."""
    (tmp_path / "source").mkdir()
    for name, text in _SOURCE.items():
        (tmp_path / "source" / name).write_text(text)
    (tmp_path / "go").write_text(_GO)
    (tmp_path / "go").chmod(0o755)
    return tmp_path


def test_an_interrupted_build_goes_on_where_it_stopped(folder: Path) -> None:
    go = require_go(find_go(), Report())
    first = _Terminal(folder, go, folder / "first")
    while not any(int(done) >= _ENOUGH for done, _ in _DRAWN.findall(first.shown)):
        assert first.reads_on(), f"the build ended before it could be interrupted: {first.shown}"
    first.process.send_signal(signal.SIGINT)
    assert first.ends() != 0
    assert not (folder / "built").exists()

    second = _Terminal(folder, go, folder / "second")
    assert second.ends() == 0, second.shown
    assert os.access(folder / "built" / "least", os.X_OK)
    assert [path.name for path in folder.glob(".build-*")] == []
    compiled = [set((folder / name).read_text().split()) for name in ("first", "second")]
    # But for those that were in the making, one to each processor.
    assert len(compiled[0] & compiled[1]) <= (os.cpu_count() or 1)
    assert "runtime" in compiled[0] | compiled[1]
