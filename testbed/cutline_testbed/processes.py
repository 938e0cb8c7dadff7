"""Programs that outlive the command that started them, and their pid files.

A pid file names the process by pid *and* start time, so that a pid that was given to another
process meanwhile is never signalled. It refuses to find processes by name.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.errors import TestbedError
from cutline_testbed.interrupts import deferred

POLL_S = 0.02
KILL_AFTER_S = 30.0

# Children of this very process: they must be reaped, or they would linger as zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


@atexit.register
def _let_go() -> None:
    """What still runs now outlives this process on purpose, and Python need not warn of it."""
    for child in _children.values():
        child.returncode = child.poll() or 0


@dataclass(frozen=True, slots=True)
class ManagedProcess:
    """One program's place in the state folder: its pid file and its log."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def pid(self) -> int | None:
        """The pid if the very process we started is still running."""
        try:
            recorded = json.loads(self.pid_file.read_text())
            pid, identity = int(recorded["pid"]), recorded["identity"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return pid if identity is not None and _identity(pid) == identity else None

    def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None, *, through_child: bool = False) -> None:
        """Start it in a session of its own: a Ctrl-C in our terminal is not for it.

        `through_child`: argv's program (unshare, nsenter) runs the one that is meant as its only child.
        """
        # A process that started and was not written down could never be found again.
        with deferred(), self.log.open("ab") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=env,
                start_new_session=True,
            )
            _children[child.pid] = child
            pid = _only_child(child) if through_child else child.pid
            # No identity: it is dead already. Its log says why, and whoever awaits it quotes that.
            self._record(pid, _identity(pid))

    def stop(self, grace_s: float = KILL_AFTER_S) -> None:
        """Ask it to end and await that; after the grace, end it. Fine if it is not running."""
        pid = self.pid()
        if pid is not None:
            _signal(pid, signal.SIGTERM)
            if not self._ended_within(grace_s):
                _signal(pid, signal.SIGKILL)
                # The grace was for its own end; this one is up to the kernel, which may be busy.
                if not self._ended_within(KILL_AFTER_S):
                    raise TestbedError(f"{self.name} (pid {pid}) does not end, not even when killed")
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it without warning, as a crash would. The pid file stays, as after a crash."""
        pid = self.pid()
        if pid is not None:
            _signal(pid, signal.SIGKILL)
            self._ended_within(KILL_AFTER_S)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log, for error messages."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:])

    def _record(self, pid: int, identity: str | None) -> None:
        staging = self.pid_file.with_suffix(".pid.new")
        staging.write_text(json.dumps({"pid": pid, "identity": identity}))
        staging.replace(self.pid_file)

    def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True


def _only_child(parent: subprocess.Popen[bytes]) -> int:
    """The child's pid as soon as there is one; the parent's own if it ends without."""
    listing = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while parent.poll() is None:
        children = listing.read_text().split()
        if children:
            return int(children[0])
        time.sleep(POLL_S)
    return parent.pid


def _signal(pid: int, signum: signal.Signals) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return


def _identity(pid: int) -> str | None:
    """What tells this process from a later one with its pid; None if it has ended."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return None
    if Path("/proc/self/stat").exists():
        return _identity_from_proc(pid)
    return _identity_from_ps(pid)


def _identity_from_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The program's name is in parentheses and may contain anything; the fields follow the last one.
    fields = text.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}/{started}"


def _identity_from_ps(pid: int) -> str | None:
    run = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return run.stdout.strip() or None
