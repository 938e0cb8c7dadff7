"""The cache of images and of what they are made from: folders named after all that went in.

A folder is renamed to its name when it is complete, so a half-filled one is never found. It
refuses to grow for ever: the entries used longest ago give way.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from cutline_testbed import paths

# Of each kind. One per state of the sources that somebody builds from; they are 35 MB each.
KEPT = 8
_STAGING = ".staging-"


def store_dir() -> Path:
    """Beside the programs, outside the checkout, so that a second clone starts warm."""
    return paths.cache_dir().parent / "images"


def key_of(*parts: str | bytes) -> str:
    """One name for all of it; a part's end is part of the name."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:20]


def contents_key(root: Path, inputs: Iterable[str]) -> str:
    """The names and bytes of files and folders below `root`; what is not there counts as not there."""
    parts: list[str | bytes] = []
    for name in inputs:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                parts += [str(file.relative_to(root)), file.read_bytes()]
    return key_of(*parts)


def find(kind: str, key: str) -> Path | None:
    """The finished entry, which counts as used from now on."""
    folder = store_dir() / f"{kind}-{key}"
    if not folder.is_dir():
        return None
    os.utime(folder)
    return folder


def fill(kind: str, key: str, write: Callable[[Path], None]) -> Path:
    """Make an entry: all of it or nothing. To be called with the store locked."""
    staging = new_staging()
    try:
        write(staging)
        staging.chmod(0o755)
        target = store_dir() / f"{kind}-{key}"
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _forget_oldest(kind)
    return target


def new_staging() -> Path:
    """An empty folder on the store's file system."""
    store_dir().mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=_STAGING, dir=store_dir()))


def discard_leftovers() -> None:
    """With the store locked, what an earlier build left half done belongs to nobody."""
    for leftover in store_dir().glob(f"{_STAGING}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _forget_oldest(kind: str) -> None:
    entries = sorted(store_dir().glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for entry in entries[KEPT:]:
        shutil.rmtree(entry, ignore_errors=True)
