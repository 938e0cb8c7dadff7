"""Which cluster CLUSTER chooses; and CLUSTER=existing and CLUSTER=kind: Cutline on one that is not ours.

There the chart runs everything inside the cluster and no personas are made: whoever owns that
cluster has users already. It refuses to start or stop a cluster that it did not make.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import assert_never

from cutline_testbed import paths
from cutline_testbed.errors import TestbedError
from cutline_testbed.guidance import next_steps_elsewhere, removal
from cutline_testbed.helm import install_chart
from cutline_testbed.images.builder import build_arguments, inputs_of
from cutline_testbed.images.provenance import provenance_of
from cutline_testbed.report import Report
from cutline_testbed.toolchain import ensure_toolchain
from cutline_testbed.watched import run_watched

VARIABLE = "CLUSTER"
HELM_ARGS = "HELM_ARGS"
KIND_CLUSTER = "cutline"
# Folder that holds the Dockerfile -> the image name in the chart's values.
IMAGES: Mapping[str, str] = {"webhook": "cutline-webhook:dev", "operator": "cutline-operator:dev"}


class ClusterKind(Enum):
    TESTBED = "testbed"
    # The testbed too, with real nodes.
    NODE = "node"
    EXISTING = "existing"
    KIND = "kind"


def chosen(environment: Mapping[str, str]) -> ClusterKind:
    value = environment.get(VARIABLE) or ClusterKind.TESTBED.value
    try:
        return ClusterKind(value)
    except ValueError:
        known = ", ".join(kind.value for kind in ClusterKind)
        raise TestbedError(f"{VARIABLE}={value} is none of: {known}") from None


def helm_arguments(environment: Mapping[str, str]) -> list[str]:
    """What Helm is to be told besides, written as for a shell."""
    text = environment.get(HELM_ARGS, "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise TestbedError(f"{HELM_ARGS} is not quoted as a shell wants it ({error}): {text}") from None


def run(kind: ClusterKind, command: str, report: Report, *, bare: bool = False) -> int:
    """One command on a cluster that is no testbed."""
    match kind:
        case ClusterKind.EXISTING:
            _existing(command, report, bare=bare)
        case ClusterKind.KIND:
            _kind(command, report, bare=bare)
        case ClusterKind.TESTBED | ClusterKind.NODE:
            raise AssertionError("the testbed itself is handled by the command line")
        case _:
            assert_never(kind)
    return 0


def _existing(command: str, report: Report, *, bare: bool) -> None:
    if command in ("down", "clean"):
        raise TestbedError(f"{VARIABLE}=existing: the cluster is yours and stays. Cutline goes with\n{removal()}")
    if command not in ("up", "install"):
        raise TestbedError(f"{VARIABLE}=existing knows up and install, not {command}")
    if bare:
        raise TestbedError(f"{VARIABLE}=existing knows no BARE=1 (--bare): without Cutline there is nothing to do")
    kubeconfig = _users_kubeconfig()
    arguments = helm_arguments(os.environ)
    if not arguments:
        report.say(
            f"{HELM_ARGS} is empty: the chart's image names are in no registry, so this ends well only if the nodes "
            f"have these images. {HELM_ARGS}='--set webhook.image.repository=... --set operator.image.repository=...'"
        )
    _install(kubeconfig, arguments, report)


def _users_kubeconfig() -> str:
    """There is no default on purpose."""
    parts = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if not parts:
        raise TestbedError(f"{VARIABLE}=existing needs KUBECONFIG to say which cluster; there is no default on purpose")
    missing = [part for part in parts if not Path(part).is_file()]
    if missing:
        raise TestbedError(f"KUBECONFIG names {', '.join(missing)}, which is no file")
    return os.pathsep.join(str(Path(part).absolute()) for part in parts)


def _kind(command: str, report: Report, *, bare: bool) -> None:
    if command not in ("up", "install", "down", "clean"):
        raise TestbedError(f"{VARIABLE}=kind knows up, install, down and clean, not {command}")
    kind, docker = _required("kind", "docker")
    kubeconfig = paths.states_dir() / "kind.kubeconfig"
    kubeconfig.parent.mkdir(exist_ok=True)
    ours = ["--name", KIND_CLUSTER, "--kubeconfig", str(kubeconfig)]
    if command in ("down", "clean"):
        report.say("deleting the kind cluster and all that is in it: one that is only stopped is not worth keeping")
        run_watched([kind, "delete", "cluster", *ours], "deleting the kind cluster", report)
        kubeconfig.unlink(missing_ok=True)
        return
    arguments = helm_arguments(os.environ)
    run_watched([docker, "info"], "asking Docker whether it runs", report)
    if command == "up":
        _ensure_kind_cluster(kind, ours, report)
    run_watched([kind, "export", "kubeconfig", *ours], "writing its kubeconfig", report)
    if bare:
        print(next_steps_elsewhere(str(kubeconfig), [], with_cutline=False))
        return
    _load_images(kind, docker, report)
    _install(str(kubeconfig), [*_image_arguments(), *arguments], report)


def _ensure_kind_cluster(kind: str, ours: list[str], report: Report) -> None:
    if KIND_CLUSTER in run_watched([kind, "get", "clusters"], "listing kind clusters", report):
        report.say("the kind cluster is there already, and what is on it stays")
        return
    config = paths.checkout_root() / "testbed" / "kind.yaml"
    create = [kind, "create", "cluster", *ours, "--config", str(config), "--wait", "180s"]
    run_watched(create, "creating the kind cluster", report)


def _load_images(kind: str, docker: str, report: Report) -> None:
    root = paths.checkout_root()
    for folder, image in IMAGES.items():
        arguments = build_arguments(provenance_of(root, inputs_of(folder)))
        build = [docker, "build", "-t", image, "-f", str(root / folder / "Dockerfile"), *arguments, str(root)]
        run_watched(build, f"building {image}", report)
        run_watched([kind, "load", "docker-image", image, "--name", KIND_CLUSTER], f"loading {image}", report)


def _install(kubeconfig: str, arguments: list[str], report: Report) -> None:
    helm = _helm(report)
    report.say("installing Cutline, webhook and operator inside the cluster; no personas are created there")
    try:
        install_chart(helm, kubeconfig, ["--wait", *arguments], report)
    except BaseException:
        report.say(f"what Helm has made so far stays; it goes with\n{removal()}")
        raise
    print(next_steps_elsewhere(kubeconfig, [str(Path(helm).parent)], with_cutline=True))


def _image_arguments() -> list[str]:
    """Use what was loaded; there is no registry to pull from."""
    arguments: list[str] = []
    for component, image in IMAGES.items():
        repository, _, tag = image.partition(":")
        for key, value in (("repository", repository), ("tag", tag), ("pullPolicy", "Never")):
            arguments += ["--set", f"{component}.image.{key}={value}"]
    return arguments


def _required(*programs: str) -> list[str]:
    found = {program: shutil.which(program) for program in programs}
    missing = [program for program, path in found.items() if path is None]
    if missing:
        raise TestbedError(
            f"{VARIABLE}=kind finds no {' and no '.join(missing)} on PATH. Without {VARIABLE}, no Docker is needed"
        )
    return [path for path in found.values() if path is not None]


def _helm(report: Report) -> str:
    """The user's own Helm if there is one: building ours takes minutes."""
    return shutil.which("helm") or str(ensure_toolchain(report).path("helm"))
