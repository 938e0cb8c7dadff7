"""Debian packages that a step needs: seen to be there, or installed.

It refuses to touch a machine where we are not root or whose packages are not Debian's: there it
says what is missing, one line each, and leaves it to whoever owns the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from cutline_testbed.errors import TestbedError
from cutline_testbed.report import Report
from cutline_testbed.watched import run_watched


def missing_packages(names: Sequence[str]) -> list[str]:
    """Those that are not installed; all of them where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return list(names)
    return [name for name in names if not _installed(name)]


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def ensure_packages(names: Sequence[str], report: Report) -> None:
    """Return when all are installed; raise with a line for each that is not and cannot be."""
    missing = missing_packages(names)
    if not missing:
        return
    if not can_install():
        raise TestbedError(
            "\n".join(f"the package {name} is missing: install it (Debian: apt-get install {name})" for name in missing)
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    report.say(f"installing the Debian packages {', '.join(missing)}")
    run_watched(["apt-get", "update", "-q"], "reading Debian's package lists", report, env=environment)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing]
    run_watched(install, f"installing {', '.join(missing)}", report, env=environment)


def _installed(name: str) -> bool:
    query = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name],
        capture_output=True,
        text=True,
        check=False,
    )
    return query.returncode == 0 and query.stdout == "installed"
