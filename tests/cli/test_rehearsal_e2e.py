"""A real kubectl through the rehearsal's proxy against a real API server: nothing changes."""

import asyncio
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cutline.kube.connection import load
from cutline_cli.__main__ import main
from cutline_cli.exits import ExitCode
from cutline_cli.rehearsal.proxy import rehearsing

pytestmark = pytest.mark.e2e

Kubectl = Callable[..., str]
_SECONDS = 60
_PODS = 2


def _container(image: str) -> dict[str, Any]:
    return {"name": "app", "image": image}


def _deployment(image: str, replicas: int) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [_container(image)]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def _pod(number: int) -> dict[str, Any]:
    spec = {"containers": [_container("r/app:1")], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"lone-{number}"}, "spec": spec}


@pytest.fixture
def kubectl(bare_admin_kubeconfig: Path, kubectl_path: Path) -> Kubectl:
    """Run the real kubectl, for real; its output."""

    def run(*words: str, stdin: object = None) -> str:
        done = subprocess.run(
            [str(kubectl_path), "--kubeconfig", str(bare_admin_kubeconfig), *words],
            input=None if stdin is None else json.dumps(stdin),
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
        return done.stdout

    return run


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace with a Deployment and two pods of its own."""
    name = f"rehearsal-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    _ensure_account(kubectl, name)
    objects = [_deployment("r/app:1", 6), *map(_pod, range(_PODS))]
    kubectl("apply", "-n", name, "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": objects})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def _ensure_account(kubectl: Kubectl, namespace: str) -> None:
    """No pod is made before it; a controller manager, if there is one, may come first or not."""
    try:
        kubectl("create", "serviceaccount", "default", "-n", namespace)
    except subprocess.CalledProcessError as error:
        if "already exists" not in error.stderr:
            raise


def _specs(kubectl: Kubectl, namespace: str) -> dict[str, Any]:
    """What the objects say, without what controllers write beside it."""
    listed = json.loads(kubectl("get", "deployments,pods", "-n", namespace, "-o", "json"))["items"]
    return {
        f"{tree['kind']}/{tree['metadata']['name']}": (
            tree["metadata"]["uid"],
            tree["metadata"].get("deletionTimestamp"),
            (tree["spec"].get("replicas"), tree["spec"].get("template")),
        )
        for tree in listed
        if not tree["metadata"]["name"].startswith("web-")
    }


@pytest.mark.parametrize(
    "words",
    [
        ["scale", "deployment/web", "--replicas=2"],
        ["scale", "deployment/web", "--replicas=2", "--current-replicas=6"],
        ["delete", "pod", "lone-0"],
        ["delete", "pod", "lone-0", "--force", "--grace-period=0"],
        ["delete", "pods", "lone-0", "lone-1", "--now"],
        ["delete", "deployment", "web", "--cascade=orphan"],
        ["set", "image", "deployment/web", "app=r/app:9"],
        ["rollout", "restart", "deployment/web"],
        ["patch", "deployment/web", "--type=merge", "-p", '{"spec":{"replicas":1}}'],
        ["label", "pod", "lone-0", "tier=none"],
    ],
    ids=" ".join,
)
def test_a_rehearsed_command_changes_nothing(
    words: list[str], namespace: str, kubectl: Kubectl, kubectl_path: Path, bare_admin_kubeconfig: Path
) -> None:
    before = _specs(kubectl, namespace)
    own = ["propose", "-n", namespace, "--kubeconfig", str(bare_admin_kubeconfig), "--summary", "a rehearsal"]
    # No gate stands in this cluster, so nothing is denied and nothing proposed.
    assert main([*own, "--", str(kubectl_path), *words]) == ExitCode.OK
    assert _specs(kubectl, namespace) == before


def test_a_rehearsed_apply_changes_nothing(
    namespace: str, kubectl: Kubectl, kubectl_path: Path, bare_admin_kubeconfig: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "web.json"
    manifest.write_text(json.dumps(_deployment("r/app:9", 1)))
    before = _specs(kubectl, namespace)
    own = ["propose", "-n", namespace, "--kubeconfig", str(bare_admin_kubeconfig), "--summary", "a rehearsal"]
    for flags in ([], ["--server-side", "--force-conflicts"]):
        assert main([*own, "--", str(kubectl_path), "apply", *flags, "-f", str(manifest)]) == ExitCode.OK
    assert _specs(kubectl, namespace) == before


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["delete", "pod", "lone-0", "--wait=false"], True),
        (["delete", "pod", "lone-0", "--force", "--grace-period=0"], True),
        (["exec", "lone-0", "--", "true"], True),
        # Their writes are made dry runs, although nobody asked for that.
        (["scale", "deployment/web", "--replicas=1"], False),
        (["annotate", "pod", "lone-0", "a=b"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_proxy_itself_lets_nothing_real_through(
    words: list[str], refused: bool, namespace: str, kubectl: Kubectl, kubectl_path: Path, bare_admin_kubeconfig: Path
) -> None:
    """A kubectl that knows nothing of a rehearsal gets no further than one that does."""

    async def run() -> tuple[int, str]:
        endpoint, tokens = load(bare_admin_kubeconfig, None)
        async with rehearsing(endpoint, tokens, namespace) as rehearsal:
            process = await asyncio.create_subprocess_exec(
                str(kubectl_path),
                *words,
                env={**os.environ, "KUBECONFIG": str(rehearsal.kubeconfig)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            _, errors = await asyncio.wait_for(process.communicate(), _SECONDS)
            return process.returncode or 0, errors.decode()

    before = _specs(kubectl, namespace)
    code, errors = asyncio.run(run())
    assert bool(code) is refused, errors
    assert not refused or "kubectl cutline did not send this request" in errors
    assert _specs(kubectl, namespace) == before
