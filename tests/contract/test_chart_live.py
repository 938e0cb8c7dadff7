"""The release before a real API server, as dry runs: what Pod Security and validation say of it.

Nothing of ours runs there, and nothing stays but a namespace that enforces the restricted level.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import test_chart as chart
from tests.contract.test_chart import DEFAULT, MOST, NAMESPACE, Manifest, Render, of_kind

pytestmark = pytest.mark.e2e

helm = chart.helm
render = chart.render

Kubectl = Callable[..., subprocess.CompletedProcess[str]]

# Another than the release's, which the neighbours may use; the manifests are moved here. New each
# time: that of the run before may still be on its way out.
RESTRICTED = f"restricted-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def kubectl(kubectl_path: Path, bare_admin_kubeconfig: Path) -> Iterator[Kubectl]:
    """kubectl in a namespace that refuses every pod above the restricted level."""

    def run(*arguments: str, manifests: list[Manifest] | None = None) -> subprocess.CompletedProcess[str]:
        command = [str(kubectl_path), "--kubeconfig", str(bare_admin_kubeconfig), *arguments]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests or []})
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)

    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RESTRICTED, "labels": labels}}
    made = run("apply", "-f", "-", manifests=[namespace])
    assert made.returncode == 0, made.stderr
    account = run("wait", "--for=create", "serviceaccount/default", "-n", RESTRICTED, "--timeout=60s")
    assert account.returncode == 0, account.stderr
    yield run
    run("delete", "namespace", RESTRICTED, "--wait=false")


def _pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Every pod that the release leads to, as its controller would create it."""
    templates = [deployment["spec"]["template"] for deployment in of_kind(manifests, "Deployment").values()]
    for number, pod in enumerate([*templates, *of_kind(manifests, "Pod").values()]):
        spec = {key: value for key, value in pod["spec"].items() if key != "serviceAccountName"}
        metadata = {"name": f"pod-{number}", "namespace": RESTRICTED, "labels": pod["metadata"]["labels"]}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _moved(manifests: list[Manifest]) -> list[Manifest]:
    """The release in the restricted namespace."""
    text = json.dumps(manifests)
    moved: list[Manifest] = json.loads(text.replace(f'"namespace": "{NAMESPACE}"', f'"namespace": "{RESTRICTED}"'))
    return moved


@pytest.mark.parametrize("values", [DEFAULT, MOST], ids=["default", "most"])
def test_a_namespace_that_enforces_the_restricted_level_takes_every_pod(
    kubectl: Kubectl, render: Render, values: tuple[str, ...]
) -> None:
    pods = list(_pods(render(*values)))
    assert len(pods) == 3
    result = kubectl("create", "--dry-run=server", "-f", "-", manifests=pods)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("created (server dry run)") == 3
    assert "would violate" not in result.stderr


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("securityContext", "runAsNonRoot"), False),
        (("securityContext", "seccompProfile"), {"type": "Unconfined"}),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True),
        (("containers", 0, "securityContext", "capabilities"), {}),
        (("hostNetwork",), True),
    ],
    ids=lambda part: ".".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_the_namespace_would_refuse_less(
    kubectl: Kubectl, render: Render, where: tuple[str | int, ...], value: object
) -> None:
    for pod in _pods(render()):
        node: Any = pod["spec"]
        for step in where[:-1]:
            node = node[step]
        node[where[-1]] = value
        result = kubectl("create", "--dry-run=server", "-f", "-", manifests=[pod])
        assert result.returncode != 0
        assert 'violates PodSecurity "restricted:latest"' in result.stderr


@pytest.mark.parametrize("values", [DEFAULT, MOST], ids=["default", "most"])
def test_the_api_server_has_nothing_against_a_release(
    kubectl: Kubectl, render: Render, values: tuple[str, ...]
) -> None:
    # The pod needs an account that a dry run does not leave; it was looked at above.
    manifests = [manifest for manifest in _moved(render(*values)) if manifest["kind"] != "Pod"]
    # The definitions may be there already, applied by others.
    command = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
    result = kubectl(*command, manifests=manifests)
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
