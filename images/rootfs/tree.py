"""Copies files of the build stage to the same places of the new root file system.

Symbolic links on the way to a file are made again, so a merged /usr stays a merged /usr. It
refuses to copy what is not there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Tree:
    """The new root. Paths are the absolute ones that hold in both places."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def inside(self, path: str) -> Path:
        """Where an absolute path of the image lies while it is built."""
        return self.root / path.lstrip("/")

    def add(self, path: str) -> str:
        """Copy one file with every link that leads to it; returns its place behind all links."""
        place = "/"
        waiting = [part for part in path.split("/") if part]
        while waiting:
            part = waiting.pop(0)
            if part == "..":
                place = os.path.dirname(place)
                continue
            place = os.path.join(place, part)
            if os.path.islink(place):
                target = os.readlink(place)
                self._link(place, target)
                waiting = [step for step in target.split("/") if step not in ("", ".")] + waiting
                place = "/" if target.startswith("/") else os.path.dirname(place)
        if not os.path.isfile(place):
            raise FileNotFoundError(f"{path} is no file in the build stage")
        target_file = self.inside(place)
        if not target_file.exists():
            target_file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, target_file)
            target_file.chmod(0o755 if os.access(place, os.X_OK) else 0o644)
        return place

    def write(self, path: str, text: str) -> None:
        """A file that has no counterpart in the build stage."""
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(0o644)

    def folder(self, path: str, mode: int = 0o755) -> None:
        """An empty folder, for what is mounted or written there at run time."""
        self.inside(path).mkdir(parents=True, exist_ok=True)
        self.inside(path).chmod(mode)

    def files(self) -> list[str]:
        """Every regular file, in a fixed order."""
        found = (path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())
        return sorted("/" + str(path.relative_to(self.root)) for path in found)

    def settle(self, epoch: int) -> None:
        """One time for everything, so that the layer says nothing about when it was made."""
        for folder, _, names in os.walk(self.root, topdown=False):
            for name in names:
                os.utime(os.path.join(folder, name), (epoch, epoch), follow_symlinks=False)
            for entry in os.scandir(folder):
                if entry.is_symlink():
                    os.utime(entry.path, (epoch, epoch), follow_symlinks=False)
            if folder != str(self.root / "tmp"):
                os.chmod(folder, 0o755)  # noqa: S103 - folders of an image are for everybody to read
            os.utime(folder, (epoch, epoch))

    def _link(self, place: str, target: str) -> None:
        link = self.inside(place)
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
