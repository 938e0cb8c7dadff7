"""Which cluster CLUSTER chooses; and CLUSTER=existing and CLUSTER=kind: Cutline on one that is not ours.

There the chart runs everything inside the cluster and no personas are made: whoever owns that
cluster has users already. It refuses to start, stop or clean a cluster that it did not make.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import assert_never

from cutline_testbed import paths
from cutline_testbed.errors import TestbedError
from cutline_testbed.helm import install_chart
from cutline_testbed.images.builder import build_arguments, inputs_of
from cutline_testbed.images.provenance import provenance_of
from cutline_testbed.report import Report
from cutline_testbed.toolchain import ensure_toolchain
from cutline_testbed.watched import run_watched

VARIABLE = "CLUSTER"
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


def run(kind: ClusterKind, command: str, report: Report) -> int:
    match kind:
        case ClusterKind.EXISTING:
            _existing(command, report)
        case ClusterKind.KIND:
            _kind(command, report)
        case ClusterKind.TESTBED | ClusterKind.NODE:
            raise AssertionError("the testbed itself is handled by the command line")
        case _:
            assert_never(kind)
    return 0


def _existing(command: str, report: Report) -> None:
    if command not in ("up", "install"):
        raise TestbedError(f"{VARIABLE}=existing: this tool does not {command} a cluster that it did not make")
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        raise TestbedError(f"{VARIABLE}=existing needs KUBECONFIG to say which cluster; there is no default on purpose")
    missing = [part for part in kubeconfig.split(os.pathsep) if not Path(part).is_file()]
    if missing:
        raise TestbedError(f"KUBECONFIG names {', '.join(missing)}, which is no file")
    report.say("installing Cutline, webhook and operator inside the cluster; no personas are created there")
    install_chart(_helm(report), None, ["--wait"], report)


def _kind(command: str, report: Report) -> None:
    kind, docker = _required("kind"), _required("docker")
    if command == "clean":
        run_watched([kind, "delete", "cluster", "--name", KIND_CLUSTER], "deleting the kind cluster", report)
        return
    if command not in ("up", "install"):
        raise TestbedError(f"{VARIABLE}=kind knows up, install and clean, not {command}")
    run_watched([docker, "info"], "asking Docker whether it runs", report)
    root = paths.checkout_root()
    if command == "up" and KIND_CLUSTER not in run_watched([kind, "get", "clusters"], "listing kind clusters", report):
        config = root / "testbed" / "kind.yaml"
        create = [kind, "create", "cluster", "--name", KIND_CLUSTER, "--config", str(config), "--wait", "180s"]
        run_watched(create, "creating the kind cluster", report)
    for folder, image in IMAGES.items():
        arguments = build_arguments(provenance_of(root, inputs_of(folder)))
        build = [docker, "build", "-t", image, "-f", str(root / folder / "Dockerfile"), *arguments, str(root)]
        run_watched(build, f"building {image}", report)
        run_watched([kind, "load", "docker-image", image, "--name", KIND_CLUSTER], f"loading {image}", report)
    kubeconfig = paths.states_dir() / "kind.kubeconfig"
    kubeconfig.parent.mkdir(exist_ok=True)
    export = [kind, "export", "kubeconfig", "--name", KIND_CLUSTER, "--kubeconfig", str(kubeconfig)]
    run_watched(export, "writing its kubeconfig", report)
    report.say("installing Cutline, webhook and operator inside the cluster; no personas are created there")
    install_chart(_helm(report), kubeconfig, ["--wait", *_image_arguments()], report)
    report.say(f"export KUBECONFIG={kubeconfig}")


def _image_arguments() -> list[str]:
    """Use what was loaded; there is no registry to pull from."""
    arguments: list[str] = []
    for component, image in IMAGES.items():
        repository, _, tag = image.partition(":")
        for key, value in (("repository", repository), ("tag", tag), ("pullPolicy", "Never")):
            arguments += ["--set", f"{component}.image.{key}={value}"]
    return arguments


def _required(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise TestbedError(
            f"{VARIABLE}=kind needs {program} on PATH; it is not there. Without {VARIABLE}, no Docker is needed"
        )
    return found


def _helm(report: Report) -> str:
    """The user's own Helm if there is one: building ours takes minutes."""
    return shutil.which("helm") or str(ensure_toolchain(report).path("helm"))
