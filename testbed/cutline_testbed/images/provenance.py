"""Where the sources of an image come from: their version, their last commit and its time.

That is the last commit that changed what goes into the image, so that other commits leave the
image as it is. It refuses to invent a commit for a tree that has none.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

UNKNOWN = "unknown"
# The first time that every archive format can say; for a tree without commits.
NO_TIME = 315532800


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the labels of an image say about its origin."""

    version: str
    revision: str
    epoch: int


def provenance_of(source: Path, inputs: Sequence[str]) -> Provenance:
    """Of a checkout, or of an unpacked archive."""
    version = version_of(source)
    last = _git(source, "log", "-1", "--format=%H %ct", "--", *inputs).split()
    if len(last) != 2:
        return Provenance(version, UNKNOWN, int(os.environ.get("SOURCE_DATE_EPOCH") or NO_TIME))
    changed = _git(source, "status", "--porcelain", "--untracked-files=all", "--", *inputs)
    return Provenance(version, last[0] + ("-modified" if changed.strip() else ""), int(last[1]))


def version_of(source: Path) -> str:
    """The chart's appVersion; where there is no chart, the distribution's version, which is the same."""
    chart = source / "charts" / "cutline" / "Chart.yaml"
    if chart.is_file():
        return str(yaml.safe_load(chart.read_text(encoding="utf-8"))["appVersion"])
    return str(tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _git(source: Path, *arguments: str) -> str:
    """Nothing where there is no git, no repository or no commit."""
    try:
        run = subprocess.run(["git", "-C", source, *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout if run.returncode == 0 else ""
