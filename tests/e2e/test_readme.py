"""README.md shows what the demo prints, the demo is true, and it leaves nothing behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from demo.transcript import beginning, recorded, timeless

from cutline_testbed import Testbed

pytestmark = [pytest.mark.e2e, pytest.mark.processes]


def test_the_demo_plays_and_the_readme_shows_its_beginning() -> None:
    command = [sys.executable, "-m", "demo", "--name", "demo-test"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert timeless(beginning(done.stdout)) == timeless(recorded())


def test_a_demo_that_is_told_to_end_takes_its_control_plane_along() -> None:
    name = "demo-ended"
    command = [sys.executable, "-u", "-m", "demo", "--name", name]
    # In a session of its own, so that its process group alone is told; and never deaf to a Ctrl-C.
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "installing Cutline" in line:
            break
    pids = [pid for pid in Testbed(name).status().values() if pid is not None]
    assert pids
    demo.send_signal(signal.SIGTERM)
    demo.send_signal(signal.SIGINT)
    printed, _ = demo.communicate(timeout=120)
    assert demo.returncode == 130, printed
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
