"""Names the folder of one build, so that two builds share it only if they would be equal.

Pure. It refuses to look at the clock or at this checkout's path: a second clone gets the same key.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable


def source_key(go_mod: bytes, go_sum: bytes, flags: str, programs: Iterable[str], stages: Iterable[str]) -> str:
    """Everything but the compiler that decides what comes out."""
    digest = hashlib.sha256()
    machine = f"{platform.system()}/{platform.machine()}"
    parts = (go_mod, go_sum, flags.encode(), " ".join(sorted(programs)).encode(), " ".join(stages).encode())
    for part in (*parts, machine.encode()):
        # Lengths in between: no two different lists of parts run together to the same bytes.
        digest.update(f"{len(part)}:".encode())
        digest.update(part)
    return digest.hexdigest()[:16]


def build_key(source: str, go_version: str) -> str:
    return f"{source}-{go_version}"
