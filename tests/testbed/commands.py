"""The testbed's command line as a process of its own, the way people start it."""

import subprocess
import sys
from collections.abc import Mapping


def started(
    testbed: str, command: str, *more: str, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Running now, and heeding Ctrl-C: a shell lets its background jobs ignore it, and these tests may be one."""
    argv = [
        *("env", "--default-signal=INT"),
        *(sys.executable, "-m", "cutline_testbed", command, "--name", testbed, *more),
    ]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
