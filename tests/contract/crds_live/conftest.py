"""One API server without any of Cutline's webhooks, with the definitions in force, for all modules beside."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.crd_cases import CRDS, IMMUTABLE, KINDS, merge
from tests.contract.crds_live.api_server import Api, Kubectl, in_force
from tests.contract.crds_live.cases import CASES


@pytest.fixture(scope="session")
def kubectl(bare_admin_kubeconfig: Path, kubectl_path: Path) -> Iterator[Kubectl]:
    """kubectl as an administrator in a namespace of its own, with the definitions in force."""
    run = Kubectl(str(kubectl_path), bare_admin_kubeconfig, f"crd-{uuid.uuid4().hex[:8]}")
    run.ok("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    names = [f"{plural}.cutline.dev" for plural in KINDS]
    run.ok("wait", "--for=condition=Established", "--timeout=30s", "crd", *names)
    run.ok("create", "namespace", run.namespace)
    yield run
    run.ok("delete", "namespace", run.namespace, "--wait=false")


@pytest.fixture(scope="session")
def api(kubectl: Kubectl) -> Iterator[Api]:
    args = [kubectl.binary, f"--kubeconfig={kubectl.kubeconfig}", "proxy", "--port=0"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        # "Starting to serve on 127.0.0.1:34567"
        port = int(proxy.stdout.readline().rpartition(":")[2])
        yield in_force(Api(port, kubectl.namespace))
        proxy.terminate()


@pytest.fixture(scope="session")
def existing(kubectl: Kubectl) -> dict[str, dict[str, Any]]:
    """One stored object of each kind whose spec may not change."""
    stored = {}
    for plural in IMMUTABLE:
        full = CASES[plural].full
        obj = merge(full, {"metadata": {"name": "stored-" + full["metadata"]["name"]}})
        kubectl.ok("create", "-f", "-", stdin=obj)
        stored[plural] = kubectl.stored(plural, obj["metadata"]["name"])
    return stored
