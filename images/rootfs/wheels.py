"""The installed wheels: their files, less what no process here can need, and what they say of themselves.

It refuses to keep a file that no wheel lists.
"""

from __future__ import annotations

import csv
import email
import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

# Patterns of paths below the folder that pip installed into; * crosses folders.
PRUNED = (
    # command-line starters, type stubs, sources of extension modules
    "bin/*",
    "*.pyi",
    "*.pyx",
    "*.pxd",
    "*.pxi",
    "*.c",
    "*.h",
    # tests that were packed along
    "*/tests/*",
    "*/test/*",
    # Cutline sends its own requests: of the Kubernetes client it uses the reading of credentials,
    # and neither the classes of each kind (loaded only when one is named) nor the asynchronous twin.
    "kubernetes/aio/*",
    "kubernetes/client/api/[a-z]*",
    "kubernetes/client/models/[a-z]*",
)

# What wheels without an SPDX expression say, as SPDX says it.
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}


@dataclass(frozen=True)
class Wheel:
    """One installed distribution."""

    name: str
    version: str
    licence: str
    sha256: str
    files: tuple[str, ...]
    licence_files: tuple[str, ...]


def pruned(path: str) -> bool:
    """Whether a path below the wheels' folder stays out of the image."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in PRUNED)


def installed(folder: Path, report: Path) -> Iterator[Wheel]:
    """Every wheel below `folder`; `report` is what pip wrote about installing them, with their hashes."""
    hashes = {
        entry["metadata"]["name"].lower(): entry["download_info"]["archive_info"]["hashes"]["sha256"]
        for entry in json.loads(report.read_text("utf-8"))["install"]
    }
    for info in sorted(folder.glob("*.dist-info")):
        metadata = email.message_from_string((info / "METADATA").read_text("utf-8"))
        with (info / "RECORD").open(encoding="utf-8", newline="") as record:
            listed = [row[0] for row in csv.reader(record)]
        files = tuple(sorted(str(folder / path) for path in listed if (folder / path).is_file() and not pruned(path)))
        texts = tuple(file for file in files if _is_licence(Path(file), info))
        name = metadata["Name"]
        yield Wheel(name, metadata["Version"], _licence(metadata), hashes[name.lower()], files, texts)


def _is_licence(path: Path, info: Path) -> bool:
    name = path.name.upper()
    return info in path.parents and any(word in name for word in ("LICENSE", "LICENCE", "COPYING", "NOTICE"))


def _licence(metadata: Message) -> str:
    """An SPDX expression where the wheel has one, else the shortest thing that it says."""
    expression = metadata["License-Expression"]
    if expression:
        return str(expression)
    classifiers = [
        value.rpartition(" :: ")[2]
        for value in metadata.get_all("Classifier") or []
        if value.startswith("License :: ") and value != "License :: OSI Approved"
    ]
    told = str(metadata["License"] or "").strip()
    if told and "\n" not in told:
        return SPDX.get(told, told)
    return " AND ".join(sorted(SPDX.get(name, name) for name in classifiers))
