"""The programs of the testbed: found in the cache, or built there once.

A warm start reads a folder and touches no network and no compiler. A build goes to a folder of
its own that is renamed when complete, so no half-filled one is ever found. It refuses to use
programs from PATH: only what a pinned go.mod says (or, told so, KUBEBUILDER_ASSETS) is run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed import paths, programs
from cutline_testbed.errors import TestbedError
from cutline_testbed.go_build import STAGES_FILE, build_into
from cutline_testbed.go_sdk import GoSdk, find_go, require_go
from cutline_testbed.locks import exclusive
from cutline_testbed.programs import ProgramSet
from cutline_testbed.report import Report
from cutline_testbed.toolchain_key import build_key, source_key

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
# What envtest's archives hold. Everything else has to be built all the same.
ASSETS_PROGRAMS = ("etcd", "kube-apiserver", "kubectl")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """One program set, complete: every program has a path."""

    folder: Path
    binaries: Mapping[str, Path]

    def path(self, program: str) -> Path:
        return self.binaries[program]

    @property
    def stages(self) -> Path:
        """How kwok's nodes and pods behave; only the control plane's set has it."""
        return self.folder / STAGES_FILE


def ensure_toolchain(report: Report) -> Toolchain:
    """The control plane's programs, built if they are missing; some of them may be the user's own."""
    assets = assets_from(os.environ)
    if not assets:
        return ensure_programs(programs.CONTROL_PLANE, report)
    rest = tuple(name for name in programs.CONTROL_PLANE.packages if name not in assets)
    built = ensure_programs(
        programs.CONTROL_PLANE,
        report,
        rest,
        f"{', '.join(assets)} come from {ASSETS_VARIABLE}; "
        f"{', '.join(rest)} are not in such a folder and are built from source",
    )
    return Toolchain(folder=built.folder, binaries={**built.binaries, **assets})


def ensure_programs(
    program_set: ProgramSet, report: Report, only: tuple[str, ...] = (), announcement: str = ""
) -> Toolchain:
    """Return a set's programs (or only some of them), building those that are missing."""
    wanted = only or tuple(program_set.packages)
    sdk = find_go()
    source = _source_key(program_set, wanted)
    folder = find_built(source, sdk)
    if folder is None:
        if announcement:
            report.say(announcement)
        folder = _build(program_set, wanted, source, sdk, report)
    return Toolchain(folder=folder, binaries={name: folder / name for name in wanted})


def assets_from(environment: Mapping[str, str]) -> dict[str, Path]:
    """The programs that KUBEBUILDER_ASSETS provides; all three or none."""
    folder = environment.get(ASSETS_VARIABLE)
    if not folder:
        return {}
    found = {name: Path(folder).resolve() / name for name in ASSETS_PROGRAMS}
    missing = [name for name, path in found.items() if not os.access(path, os.X_OK)]
    if missing:
        raise TestbedError(f"{ASSETS_VARIABLE}={folder} has no executable {', '.join(missing)}; unset it to build them")
    return found


def find_built(source: str, sdk: GoSdk) -> Path | None:
    """The folder of a finished build, if there is one."""
    exact = paths.cache_dir() / build_key(source, sdk.version)
    if exact.is_dir():
        return exact
    if sdk.path is not None:
        return None
    # No Go here at all: rather than fetch one, take what another Go built from the same sources.
    others = sorted(paths.cache_dir().glob(build_key(source, "go*")))
    return others[-1] if others else None


def _source_key(program_set: ProgramSet, wanted: tuple[str, ...]) -> str:
    source = paths.toolchain_source(program_set.source)
    flags = " ".join([program_set.linker_flags, *program_set.tags, f"cgo={program_set.cgo}"])
    # Only where upstream publishes no command is there Go code of ours beside it.
    ours = b"".join(file.read_bytes() for file in sorted(source.glob("*.go")))
    return source_key(
        (source / "go.mod").read_bytes(),
        (source / "go.sum").read_bytes() + ours,
        flags,
        wanted,
        programs.KWOK_STAGES if program_set == programs.CONTROL_PLANE else (),
    )


def _build(program_set: ProgramSet, wanted: tuple[str, ...], source: str, sdk: GoSdk, report: Report) -> Path:
    target = paths.cache_dir() / build_key(source, sdk.version)
    with exclusive(paths.cache_dir() / ".lock", "building the testbed's programs", report):
        # Whoever held the lock before us may have built just this.
        if not target.is_dir():
            go = require_go(sdk, report)
            build_into(target, go, program_set, wanted, paths.toolchain_source(program_set.source), report)
    return target
