"""Before the webhook is ready: what it cannot know yet it does not allow."""

import json
import os
import ssl
import subprocess
import sys
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from cutline_testbed.ports import choose_ports
from tests.e2e.certificates import TLS, in_secret
from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.test_availability import UNDECIDED
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_RBAC = "rbac.authorization.k8s.io/v1"


class _Early:
    """A webhook process of the test's own, as a service account of which the test decides what it may do."""

    def __init__(self, cluster: Cluster, kubeconfig: Path) -> None:
        chosen = choose_ports(("early", "probes"), {}, cluster.testbed.state.ports.values())
        self._port, self._probes = chosen["early"], chosen["probes"]
        layout = cluster.testbed.layout
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._base = f"https://127.0.0.1:{self._port}/{in_secret(cluster, TLS, 'path')}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cutline_webhook", "--config", str(layout.cutline / "config.yaml")),
                *("--listen", f"127.0.0.1:{self._port}", "--metrics-listen", f"127.0.0.1:{self._probes}"),
            ],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def review(self, path: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """The response, None where nobody answered."""
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        post = urllib.request.Request(self._base + path, json.dumps(body).encode())  # noqa: S310 - https
        try:
            with urllib.request.urlopen(post, timeout=10, context=self._context) as answer:  # noqa: S310
                response: dict[str, Any] = json.load(answer)["response"]
                return response
        except (OSError, HTTPException):
            return None

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._probes}/readyz", timeout=5):
                return True
        except OSError:
            return False

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def _bind(cluster: Cluster, kind: str, name: str, account: str) -> None:
    """Give an account one of the webhook's two roles."""
    metadata = {"name": account} | ({"namespace": SYSTEM} if kind == "Role" else {})
    cluster.apply(
        "admin",
        {
            "apiVersion": _RBAC,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": SYSTEM}],
        },
    ).must_pass()


def test_nothing_is_allowed_before_the_policies_were_read(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    account = f"early-{ns}"
    cluster.kubectl("admin", "create", "serviceaccount", account, "-n", SYSTEM).must_pass()
    _bind(cluster, "Role", "cutline-webhook", account)
    kubeconfig = cluster.testbed.layout.kubeconfig("early")
    cluster.testbed.token_kubeconfig(kubeconfig, SYSTEM, account)
    stored = cluster.get("deployment", "checkout", ns)
    harmless = _update_review(stored, {**stored, "metadata": {**stored["metadata"], "annotations": {"a": "b"}}})
    created = {**harmless, "operation": "CREATE", "oldObject": None, "resource": _resource("cutline.dev", "signoffs")}
    early = _Early(cluster, kubeconfig)
    try:
        answers: list[dict[str, Any]] = []

        def has_answered() -> bool:
            answers.extend(filter(None, [early.review("/gate", harmless)]))
            return len(answers) >= 30

        await_true(has_answered, "30 reviews were answered")
        assert not any(answer["allowed"] for answer in answers)
        assert all(UNDECIDED in answer["status"]["message"] for answer in answers)
        for path in ("/kinds/mutate", "/kinds/validate"):
            refused = early.review(path, created)
            assert refused is not None
            assert not refused["allowed"]
            assert "Cutline is not ready" in refused["status"]["message"]
        assert not early.is_ready()
        _bind(cluster, "ClusterRole", "cutline-webhook", account)
        await_true(lambda: bool((early.review("/gate", harmless) or {}).get("allowed")), "it decides")
        assert early.is_ready()
    finally:
        early.end()
        cluster.kubectl("admin", "delete", "clusterrolebinding", account, "--ignore-not-found")
        cluster.kubectl("admin", "delete", "serviceaccount,rolebinding", account, "-n", SYSTEM, "--ignore-not-found")


def _resource(group: str, resource: str) -> dict[str, str]:
    return {"group": group, "version": "v1", "resource": resource}


def _update_review(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    metadata = old["metadata"]
    return {
        "uid": "0b4a1a52-0000-4000-8000-000000000000",
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": _resource("apps", "deployments"),
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "operation": "UPDATE",
        "userInfo": {"username": "robot"},
        "object": new,
        "oldObject": old,
        "dryRun": False,
        "options": {},
    }
