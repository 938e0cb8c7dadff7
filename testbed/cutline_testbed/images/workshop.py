"""buildah, with a storage of its own that lasts for one session.

It refuses to use the machine's container storage, to ask a registry, and to leave anything behind:
its mounts are in namespaces of its own, and its folder goes with the session.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from cutline_testbed.images import base, store
from cutline_testbed.images.isolation import ISOLATED
from cutline_testbed.report import Report
from cutline_testbed.watched import run_watched

_BASE_IMAGE = "localhost/cutline-base:1"
_PIP_CONF = "[global]\nno-index = true\nfind-links = /wheels\nroot-user-action = ignore\n"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image to build: from which tree, with which Dockerfile and arguments."""

    name: str
    context: Path
    dockerfile: Path
    epoch: int
    arguments: tuple[str, ...] = ()
    wheels: Path | None = None


class Workshop:
    """To be entered with the store locked."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._folder = Path()
        self._has_base = False

    def __enter__(self) -> Workshop:
        self._folder = store.new_staging()
        (self._folder / "tmp").mkdir()
        (self._folder / "pip.conf").write_text(_PIP_CONF)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def snapshot(self, source: Path, inputs: Sequence[str]) -> Path:
        """A copy of these files and folders, which nobody saves to while they are built from."""
        copy = Path(tempfile.mkdtemp(prefix="sources-", dir=self._folder))
        for name in inputs:
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (source / name).is_dir():
                shutil.copytree(source / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            elif (source / name).is_file():
                shutil.copyfile(source / name, target)
        return copy

    def build(self, recipe: Recipe, archive: Path) -> None:
        """Build without any cache, and write the image as an OCI archive under its name."""
        command = ["bud", "--no-cache", "--pull-never", "--isolation=chroot", "--format=oci", "--identity-label=false"]
        command += [f"--timestamp={recipe.epoch}", "--tag", recipe.name, "--file", str(recipe.dockerfile)]
        if recipe.wheels is not None:
            self._load_base()
            command += [f"--build-arg=BASE={_BASE_IMAGE}"]
            command += ["--volume", f"{recipe.wheels}:/wheels:ro"]
            command += ["--volume", f"{self._folder / 'pip.conf'}:/etc/pip.conf:ro"]
        self._run([*command, *recipe.arguments, str(recipe.context)], f"building {recipe.name}")
        self._run(["push", recipe.name, f"oci-archive:{archive}:{recipe.name}"], f"packing {recipe.name}")

    def compile_static(self, source: Path, program: Path) -> None:
        """One C file to one program that needs nothing else."""
        command = ["gcc", "-static", "-Os", "-s", "-Wall", "-Werror", "-Wl,--build-id=none", "-o", str(program)]
        run_watched([*command, str(source)], f"compiling {source.name}", self._report)

    def _load_base(self) -> None:
        if self._has_base:
            return
        folder = base.ensure_base(self._report)
        context = self._folder / "base"
        context.mkdir()
        os.link(base.tar_of(folder), context / "base.tar")
        (context / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        command = ["bud", "--isolation=chroot", "--format=oci", "--tag", _BASE_IMAGE, str(context)]
        self._run(command, "unpacking the base of the images")
        self._has_base = True

    def _run(self, command: list[str], purpose: str) -> None:
        last = [""]
        storage = ["--root", str(self._folder / "root"), "--runroot", str(self._folder / "run")]
        run_watched(
            [*ISOLATED, "buildah", *storage, "--storage-driver=overlay", *command],
            purpose,
            self._report,
            env={**os.environ, "TMPDIR": str(self._folder / "tmp")},
            on_line=lambda line: last.__setitem__(0, line.strip()),
            describe=lambda: (f"{purpose}: {last[0][:80]}", None),
        )
