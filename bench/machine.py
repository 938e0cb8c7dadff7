"""What the operating system tells about a process, and on which processor it is let run.

Both are Linux's; elsewhere processes are not pinned and processor times are missing.
"""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_MICROSECONDS = 1_000_000


def can_pin() -> bool:
    """Whether there are two processors, one for a server and one for its load."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1


def processors() -> tuple[int, int]:
    """One processor for the load generator, another for the server that is measured."""
    first, second, *_ = sorted(os.sched_getaffinity(0))
    return first, second


def pin(pid: int, processor: int) -> None:
    """Keep every thread of a process on one processor; new ones inherit it."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {processor})


def release(pid: int) -> None:
    """Undo `pin`."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))


def processor_microseconds(pid: int) -> float | None:
    """Processor time that a process has used so far, all threads, user and system."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The program's name is in parentheses and may hold anything; the fields follow the last one.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND * _MICROSECONDS


def resident_mebibytes(pid: int) -> float | None:
    """Memory that a process holds."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0].split()[1]) / 1024 if found else None
