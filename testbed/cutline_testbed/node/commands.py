"""Short commands of the machine (ip, mount, nft, ctr): run to the end, and quoted when they fail.

It refuses to run anything through a shell.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from cutline_testbed.errors import TestbedError

TIMEOUT_S = 60.0


def run(*argv: str) -> str:
    """The command's output; an error with what it printed if it fails."""
    done = attempt(argv)
    if done.returncode != 0:
        raise TestbedError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def succeeds(*argv: str) -> bool:
    return attempt(argv).returncode == 0


def attempt(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Whatever comes of it; 127 if there is no such program."""
    try:
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]}: not found")
