"""README.md shows what the demo prints, and the demo is true."""

import subprocess
import sys

import pytest
from demo.transcript import beginning, recorded, timeless

pytestmark = [pytest.mark.e2e, pytest.mark.processes]


def test_the_demo_plays_and_the_readme_shows_its_beginning() -> None:
    command = [sys.executable, "-m", "demo", "--name", "demo-test"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert timeless(beginning(done.stdout)) == timeless(recorded())
