"""The wheels of a lock file, fetched before the build with this user's own pip configuration.

Proxies, indexes and certificates are thus the user's. The build itself reaches no network. It
refuses what the lock has no hash for, and anything that would have to be compiled.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cutline_testbed.images import store
from cutline_testbed.images.base import PYTHON
from cutline_testbed.report import Report
from cutline_testbed.watched import run_watched

# What Debian's C library runs, newest first: wheels say the oldest that they need.
GLIBC_MINORS = range(41, 16, -1)


def ensure_wheels(lock: Path, report: Report) -> Path:
    """With the store locked: the folder of all wheels that a lock names, for the images' Python."""
    text = lock.read_bytes()
    key = store.key_of("wheels", PYTHON, os.uname().machine, text)
    return store.find("wheels", key) or store.fill("wheels", key, lambda folder: _download(lock, folder, report))


def _download(lock: Path, folder: Path, report: Report) -> None:
    machine = os.uname().machine
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:"]
    command += ["--implementation=cp", f"--python-version={PYTHON}"]
    for minor in GLIBC_MINORS:
        command += ["--platform", f"manylinux_2_{minor}_{machine}"]
    command += ["--platform", f"manylinux2014_{machine}"]
    last = ["starting"]
    report.say(f"downloading the wheels of {lock.name} for Python {PYTHON}")
    run_watched(
        [*command, "--requirement", str(lock), "--dest", str(folder)],
        f"downloading the wheels of {lock.name}",
        report,
        on_line=lambda line: last.__setitem__(0, line.strip()),
        describe=lambda: (f"wheels: {last[0][:80]}", None),
    )
