"""The shared libraries that the collected programs and extension modules load.

The loader itself is asked, so the answer is what will happen at run time. It refuses to go on
where the loader finds a library missing.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

# Loaded by name while running, so no file says that it is needed: ending a thread needs this one.
LOADED_BY_NAME = ("libgcc_s.so.1",)
# The loader's index of the build stage. Without it only built-in folders are looked at, and Python may keep its
# library elsewhere. It also names libraries that stay behind, which nobody asks for.
INDEX = "/etc/ld.so.cache"
_LINE = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_CACHE_LINE = re.compile(r"^\s*(\S+) \(.*\) => (/\S+)$", re.MULTILINE)


def is_elf(path: Path) -> bool:
    """Programs and shared libraries begin with this mark."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needed_by(paths: Iterable[str]) -> list[str]:
    """Every library that loading these files loads, the loader included; by the names it looks them up."""
    found: set[str] = set(_loaded_by_name())
    for path in paths:
        run = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
        if "not found" in run.stdout:
            raise FileNotFoundError(f"{path} needs a library that is not in the build stage:\n{run.stdout}")
        found.update(_LINE.findall(run.stdout))
    return sorted(found)


def _loaded_by_name() -> list[str]:
    listing = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    known = dict(reversed(_CACHE_LINE.findall(listing)))
    return [known[name] for name in LOADED_BY_NAME]
