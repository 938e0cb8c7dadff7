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
from pathlib import Path

from cutline_testbed import programs
from cutline_testbed.errors import TestbedError
from cutline_testbed.go_progress import CompileProgress, DownloadProgress, count_required
from cutline_testbed.go_sdk import go_environment
from cutline_testbed.report import Report, elapsed_text
from cutline_testbed.watched import run_watched


def build_into(target: Path, go: Path, wanted: Sequence[str], source: Path, stages_file: str, report: Report) -> None:
    """Build `wanted` and put them, with kwok's stages, at `target`; all of it or nothing."""
    started = time.monotonic()
    report.say(f"building {', '.join(wanted)} from source into {target}")
    report.say(
        "a first build takes 10 to 20 minutes on two cores, and 6 GB of disk with Go's caches; "
        "interrupted, it goes on where it stopped"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    _discard_leftovers(target.parent)
    staging = Path(tempfile.mkdtemp(prefix=".build-", dir=target.parent))
    try:
        packages = _resolve(go, wanted, source, report)
        _compile(go, wanted, source, staging, packages, report)
        _name_as_ours(wanted, staging)
        _write_stages(go, source, staging / stages_file)
        staging.chmod(0o755)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    report.say(f"built in {elapsed_text(time.monotonic() - started)}")


def _discard_leftovers(folder: Path) -> None:
    """We hold the lock, so what an earlier build left half done belongs to nobody."""
    for leftover in folder.glob(".build-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _package_paths(wanted: Sequence[str]) -> list[str]:
    return [programs.PACKAGES[name] for name in wanted]


def _resolve(go: Path, wanted: Sequence[str], source: Path, report: Report) -> frozenset[str]:
    """List every package to compile. This is also what downloads the modules."""
    progress = DownloadProgress(count_required((source / "go.mod").read_text()))
    found: set[str] = set()

    def take(line: str) -> None:
        # Packages and announcements come in one stream; only the latter have spaces.
        if not progress.take(line) and " " not in line:
            found.add(line)

    run_watched(
        [str(go), "list", "-deps", *_package_paths(wanted)],
        "resolving Go modules",
        report,
        cwd=source,
        env=go_environment(),
        on_line=take,
        describe=progress.describe,
    )
    if progress.started:
        report.say(f"downloaded {progress.started} Go modules")
    return frozenset(found)


def _compile(
    go: Path, wanted: Sequence[str], source: Path, staging: Path, packages: frozenset[str], report: Report
) -> None:
    progress = CompileProgress(packages, len(wanted))

    def describe() -> tuple[str, float | None]:
        progress.linked = sum(1 for _ in staging.iterdir())
        return progress.describe()

    run_watched(
        [
            *(str(go), "install", "-v", "-trimpath", "-ldflags", programs.linker_flags()),
            *_package_paths(wanted),
        ],
        "compiling the testbed's programs",
        report,
        cwd=source,
        env={**go_environment(), "GOBIN": str(staging)},
        on_line=progress.take,
        describe=describe,
    )


def _name_as_ours(wanted: Sequence[str], staging: Path) -> None:
    for name in wanted:
        made = staging / programs.GO_NAMES.get(name, name)
        if not made.is_file():
            raise TestbedError(f"the build ended well but left no {made.name}")
        made.rename(staging / name)


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
