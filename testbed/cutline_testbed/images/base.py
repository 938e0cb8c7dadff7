"""The stand-in for the Python image that our Dockerfiles name: Debian with Python and pip, as one tar.

Made once and kept, so that every build on this machine starts from the same bytes. It refuses to
take anything but Debian's own packages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from cutline_testbed.images import store
from cutline_testbed.images.isolation import ISOLATED
from cutline_testbed.report import Report
from cutline_testbed.watched import run_watched

SUITE = "trixie"
PYTHON = "3.13"  # what that suite has
PACKAGES = ("python3", "python3-pip", "ca-certificates")
# Files carry the time of their package; what is made on the way carries this one.
EPOCH = "1735689600"
_TAR, _DIGEST = "base.tar", "sha256"


def _key() -> str:
    return store.key_of("base", SUITE, *PACKAGES, EPOCH, os.uname().machine)


def find_base() -> Path | None:
    """The folder of a finished base."""
    return store.find("base", _key())


def digest_of(base: Path) -> str:
    """What the base is, byte by byte."""
    return (base / _DIGEST).read_text().strip()


def tar_of(base: Path) -> Path:
    return base / _TAR


def ensure_base(report: Report) -> Path:
    """With the store locked: the base, made if it is not there (half a minute and 60 MB of downloads)."""
    return find_base() or store.fill("base", _key(), lambda folder: _make(folder, report))


def _make(folder: Path, report: Report) -> None:
    report.say(f"making the base of the images from Debian {SUITE}: {', '.join(PACKAGES)} (about half a minute)")
    last = ["starting"]
    run_watched(
        [
            *ISOLATED,
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            SUITE,
            str(folder / _TAR),
        ],
        "making the base of the images",
        report,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "TMPDIR": str(_scratch(folder))},
        on_line=lambda line: last.__setitem__(0, line.removeprefix("I: ")),
        describe=lambda: (f"base of the images: {last[0]}", None),
    )
    shutil.rmtree(_scratch(folder), ignore_errors=True)
    with (folder / _TAR).open("rb") as tar:
        (folder / _DIGEST).write_text(hashlib.file_digest(tar, "sha256").hexdigest() + "\n")


def _scratch(folder: Path) -> Path:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    scratch.chmod(0o755)
    return scratch
