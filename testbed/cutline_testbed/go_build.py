"""Builds the programs with Go into one folder, saying all the while how far it is.

Interrupted, it loses nothing: Go's module and build caches keep what was done. It refuses to
change go.mod or go.sum (-mod=readonly) and to leave a folder that is not complete.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed import programs
from cutline_testbed.errors import TestbedError
from cutline_testbed.go_progress import CompileProgress, DownloadProgress, count_required
from cutline_testbed.go_sdk import go_environment
from cutline_testbed.programs import ProgramSet
from cutline_testbed.report import Report, elapsed_text
from cutline_testbed.watched import run_watched

STAGES_FILE = "kwok-stages.yaml"


def build_into(
    target: Path, go: Path, program_set: ProgramSet, wanted: Sequence[str], source: Path, report: Report
) -> None:
    """Build `wanted` of a set and put them, with kwok's stages if kwok is one, at `target`; all of it or nothing."""
    started = time.monotonic()
    report.say(f"building {', '.join(wanted)} from source into {target}")
    report.say(f"{program_set.first_build}; interrupted, it goes on where it stopped")
    target.parent.mkdir(parents=True, exist_ok=True)
    _discard_leftovers(target.parent)
    staging = Path(tempfile.mkdtemp(prefix=".build-", dir=target.parent))
    build = _Build(go, program_set, tuple(wanted), source, report)
    try:
        build.compile(staging, build.resolve())
        build.name_as_ours(staging)
        if "kwok" in wanted:
            _write_stages(go, source, staging / STAGES_FILE)
        staging.chmod(0o755)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    report.say(f"built in {elapsed_text(time.monotonic() - started)}")


def _discard_leftovers(folder: Path) -> None:
    """We hold the lock, so what an earlier build left half done belongs to nobody."""
    for leftover in folder.glob(".build-*"):
        shutil.rmtree(leftover, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Build:
    go: Path
    program_set: ProgramSet
    wanted: tuple[str, ...]
    source: Path
    report: Report

    def resolve(self) -> frozenset[str]:
        """List every package to compile. This is also what downloads the modules."""
        progress = DownloadProgress(count_required((self.source / "go.mod").read_text()))
        found: set[str] = set()

        def take(line: str) -> None:
            # Packages and announcements come in one stream; only the latter have spaces.
            if not progress.take(line) and " " not in line:
                found.add(line)

        run_watched(
            [str(self.go), "list", "-deps", *self._tags(), *self._packages()],
            "resolving Go modules",
            self.report,
            cwd=self.source,
            env=self._environment(),
            on_line=take,
            describe=progress.describe,
        )
        if progress.started:
            self.report.say(f"downloaded {progress.started} Go modules")
        return frozenset(found)

    def compile(self, staging: Path, packages: frozenset[str]) -> None:
        progress = CompileProgress(packages, len(self.wanted))

        def describe() -> tuple[str, float | None]:
            progress.linked = sum(1 for _ in staging.iterdir())
            return progress.describe()

        flags = ("-v", "-trimpath", *self._tags(), "-ldflags", self.program_set.linker_flags)
        run_watched(
            [str(self.go), "install", *flags, *self._packages()],
            "compiling the testbed's programs",
            self.report,
            cwd=self.source,
            env={**self._environment(), "GOBIN": str(staging)},
            on_line=progress.take,
            describe=describe,
        )

    def name_as_ours(self, staging: Path) -> None:
        for name in self.wanted:
            made = staging / self.program_set.go_names.get(name, name)
            if not made.is_file():
                raise TestbedError(f"the build ended well but left no {made.name}")
            made.rename(staging / name)

    def _packages(self) -> list[str]:
        return [self.program_set.packages[name] for name in self.wanted]

    def _tags(self) -> list[str]:
        return ["-tags", ",".join(self.program_set.tags)] if self.program_set.tags else []

    def _environment(self) -> dict[str, str]:
        return go_environment() if self.program_set.cgo else {**go_environment(), "CGO_ENABLED": "0"}


def _write_stages(go: Path, source: Path, target: Path) -> None:
    """Collect kwok's standard stages now, so that later starts need neither Go nor its caches."""
    run = subprocess.run(
        [go, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"],
        cwd=source,
        env=go_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    module = Path(run.stdout.strip())
    documents = [
        file.read_text().strip()
        for folder in programs.KWOK_STAGES
        for file in sorted((module / folder).glob("*.yaml"))
        if file.name != "kustomization.yaml"
    ]
    if len(documents) < len(programs.KWOK_STAGES):
        raise TestbedError(f"kwok's module at {module} lacks the stages of {', '.join(programs.KWOK_STAGES)}")
    target.write_text("\n---\n".join(documents) + "\n")
