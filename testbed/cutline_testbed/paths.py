"""Where things lie: the checkout, the state of each testbed, the per-user cache of programs.

It refuses to create anything; whoever writes there makes the folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cutline_testbed.errors import TestbedError

# Names become folder names and part of messages that people paste into shells.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def checkout_root() -> Path:
    """The checkout this package runs from; an editable install is the only supported one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "testbed" / "toolchain" / "go.mod").is_file():
        raise TestbedError(f"{root} is not a Cutline checkout: testbed/toolchain/go.mod is missing there")
    return root


def toolchain_source(folder: str = ".") -> Path:
    """The folder of one go.mod."""
    return checkout_root() / "testbed" / "toolchain" / folder


def states_dir(root: Path | None = None) -> Path:
    return (root or checkout_root()) / ".testbed"


def state_folders(root: Path | None = None) -> list[Path]:
    """The folders of all testbeds of a checkout; locks are hidden files beside them."""
    folder = states_dir(root)
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def valid_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise TestbedError(f"{name!r} is not a usable testbed name: lower-case letters, digits and inner dashes")
    return name


def cache_dir() -> Path:
    """Programs live outside the checkout, so that a second clone starts warm."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "cutline" / "toolchain"
