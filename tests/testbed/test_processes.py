"""Processes are known by more than their pid, and their ends are awaited."""

import json
import os
import sys
from pathlib import Path

import pytest

from cutline_testbed.errors import TestbedError
from cutline_testbed.processes import ManagedProcess
from cutline_testbed.waiting import wait_until

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def _started(folder: Path) -> ManagedProcess:
    process = ManagedProcess("sleeper", folder)
    process.start(SLEEPER)
    return process


def test_starts_apart_from_our_session_and_stops(tmp_path: Path) -> None:
    process = _started(tmp_path)
    pid = process.pid()
    assert pid is not None
    assert os.getsid(pid) == pid
    process.stop()
    assert process.pid() is None
    assert not process.pid_file.exists()
    process.stop()


def test_a_pid_that_belongs_to_somebody_else_now_is_left_alone(tmp_path: Path) -> None:
    process = ManagedProcess("other", tmp_path)
    process.pid_file.write_text(json.dumps({"pid": os.getpid(), "identity": "started at another time"}))
    assert process.pid() is None
    process.stop()


@pytest.mark.parametrize("content", ["", "12", "{}", '{"pid": "x", "identity": "y"}', '{"pid": 1, "identity": null}'])
def test_a_damaged_pid_file_names_nobody(tmp_path: Path, content: str) -> None:
    process = ManagedProcess("damaged", tmp_path)
    process.pid_file.write_text(content)
    assert process.pid() is None


def test_a_killed_process_counts_as_ended_and_leaves_its_pid_file(tmp_path: Path) -> None:
    process = _started(tmp_path)
    process.kill()
    assert process.pid() is None
    assert process.pid_file.exists()


def test_one_that_ignores_the_request_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = ManagedProcess("stubborn", tmp_path)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process.start([sys.executable, "-c", code])
    wait_until(lambda: "deaf" in process.log_tail(), "it said so", 10, process)
    process.stop(grace_s=0.2)
    assert process.pid() is None


def test_waiting_for_a_dead_process_quotes_its_log(tmp_path: Path) -> None:
    process = ManagedProcess("short", tmp_path)
    process.start([sys.executable, "-c", "print('no such flag')"])
    with pytest.raises(TestbedError, match=r"(?s)short ended before it was ready.*no such flag"):
        wait_until(lambda: False, "it was ready", 10, process)
    process.stop()


def test_a_deadline_is_an_error_that_says_what_was_awaited() -> None:
    with pytest.raises(TestbedError, match="the moon was blue: not within 0 s"):
        wait_until(lambda: False, "the moon was blue", 0)
