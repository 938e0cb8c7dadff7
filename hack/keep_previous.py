"""Keeps a released version as test input: its chart and what its images are built from.

Tests upgrade from it and roll back to it. Both files are made from a commit, never from the working
tree, and come out the same byte by byte each time. It refuses a commit whose chart says another version.
"""

from __future__ import annotations

import argparse
import gzip
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
KEPT = Path("tests/previous")
CHART = "charts/cutline"
# What the Dockerfiles copy, the Dockerfiles themselves, and the locks they install from.
SOURCE = ("src/cutline", "webhook", "operator", "images", ".dockerignore", "requirements", "pyproject.toml")
# Of the working environment; no image is built from them.
LEFT_OUT = ("requirements/dev.lock",)


class NotThatVersionError(Exception):
    """The commit holds another version than the one to keep."""


def chart_version(root: Path, commit: str) -> str:
    """The version that the chart of a commit says it is."""
    text = _git(root, "show", f"{commit}:{CHART}/Chart.yaml")
    return str(yaml.safe_load(text)["version"])


def packed(root: Path, commit: str, paths: tuple[str, ...], strip: str = "") -> bytes:
    """The files of a commit as .tar.gz, without owners, times and order of their own."""
    tarred = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(_git(root, "archive", "--format=tar", commit, *paths))) as found,
        tarfile.open(fileobj=tarred, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        files = {entry.name: entry for entry in found if entry.isfile() and entry.name not in LEFT_OUT}
        for name, entry in sorted(files.items()):
            plain = tarfile.TarInfo(name.removeprefix(strip))
            plain.size, plain.mode = entry.size, 0o755 if entry.mode & 0o100 else 0o644
            archive.addfile(plain, found.extractfile(entry))
    return gzip.compress(tarred.getvalue(), 9, mtime=0)


def keep(version: str, commit: str, root: Path = ROOT) -> list[Path]:
    """Write the two files of a version; answers which."""
    said = chart_version(root, commit)
    if said != version:
        raise NotThatVersionError(f"the chart at {commit} is version {said}, not {version}; name its commit with --at")
    folder = root / KEPT / version
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        f"cutline-{version}.tgz": packed(root, commit, (CHART,), strip="charts/"),
        "source.tar.gz": packed(root, commit, SOURCE),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE).stdout


def main(arguments: list[str]) -> int:
    """Keep one version."""
    parser = argparse.ArgumentParser(description="Keep a version's chart and sources under tests/previous/.")
    parser.add_argument("version", help="the version, as in Chart.yaml")
    parser.add_argument("--at", default="HEAD", metavar="COMMIT", help="its commit or tag (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        written = keep(options.version, options.at)
    except NotThatVersionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
