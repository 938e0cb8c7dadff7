"""What `helm test` runs, as a process with the rights that the chart gives it: it sees a gate, and the lack of one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cutline_testbed.helm import chart
from tests.e2e.cluster import POLICIES, SYSTEM, Cluster
from tests.e2e.manifests import policy
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_NAME = "cutline-selftest"
_MADE_INSIDE = ("pod", "serviceaccount", "role", "rolebinding", "networkpolicy")
_MADE_OUTSIDE = ("clusterrole", "clusterrolebinding")


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The process, as the pod of `helm test` would run it."""

    kubeconfig: Path

    def run(self, *arguments: str, within: float = 0) -> subprocess.CompletedProcess[str]:
        """By default it tries once: what it is to see is there already."""
        command = [sys.executable, "-m", "cutline_webhook.selftest", f"--namespace={SYSTEM}", f"--within={within}"]
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(
            [*command, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
        )


def _apply_hooks(cluster: Cluster, policy: str) -> None:
    """What `helm test` would create. Helm itself would wait for the pod to end, which it does not here."""
    command = ("helm", "template", "cutline", str(chart()), "-n", SYSTEM, "-s", "templates/tests/selftest.yaml")
    text = cluster.run("admin", *command, "--set", f"starterPolicy.name={policy}").must_pass().output
    # A pod's arguments cannot be changed.
    cluster.kubectl("admin", "delete", "pod", _NAME, "-n", SYSTEM, "--ignore-not-found", "--now").must_pass()
    cluster.kubectl("admin", "apply", "-f", "-", stdin=text).must_pass()


@pytest.fixture
def selftest(cluster: Cluster, tmp_path: Path) -> Iterator[SelfTest]:
    _apply_hooks(cluster, "production")
    yield SelfTest(cluster.testbed.token_kubeconfig(tmp_path / "kubeconfig", SYSTEM, _NAME))
    for kind in _MADE_INSIDE:
        cluster.kubectl("admin", "delete", kind, _NAME, "-n", SYSTEM, "--ignore-not-found", "--wait=false")
    for kind in _MADE_OUTSIDE:
        cluster.kubectl("admin", "delete", kind, _NAME, "--ignore-not-found", "--wait=false")


def test_a_standing_gate_is_seen(selftest: SelfTest) -> None:
    result = selftest.run("--policy=production")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "ok     configurations",
        "ok     own kinds",
        "ok     gate",
        "ok     gate",
    ]
    assert "deleting the policy production unsigned is refused" in result.stdout


def _written(cluster: Cluster, policy: str) -> tuple[str, int, dict[str, Any]]:
    """What people write of a policy, and which object it is; the operator writes its status at any time."""
    stored = cluster.send("admin", "GET", f"{POLICIES}/{policy}").must_pass()
    return stored["metadata"]["uid"], stored["metadata"]["generation"], stored["spec"]


def test_nothing_that_it_sent_is_left(cluster: Cluster, selftest: SelfTest) -> None:
    before = _written(cluster, "production")
    assert selftest.run("--policy=production").returncode == 0
    assert _written(cluster, "production") == before
    assert not cluster.get("rprop", _NAME, SYSTEM)


def test_an_installation_without_a_starter_policy_is_told_so(selftest: SelfTest) -> None:
    assert "no starter policy to ask about" in selftest.run().stdout


def test_a_policy_that_only_warns_lets_pass_what_it_would_refuse(cluster: Cluster, selftest: SelfTest) -> None:
    line = {"name": "mild", "actions": ["Rollback"], "require": {"from": [{"userGroup": "sre"}]}}
    cluster.apply("platform", policy("mild", line, enforcement="Warn")).must_pass()
    try:
        _apply_hooks(cluster, "mild")
        result = selftest.run("--policy=mild", within=30)
    finally:
        cluster.send("mallory", "DELETE", f"{POLICIES}/mild").must_pass()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "passes, for it says Warn" in result.stdout


def test_a_policy_that_is_gone_is_told_so(cluster: Cluster, selftest: SelfTest) -> None:
    _apply_hooks(cluster, "never-made")
    result = selftest.run("--policy=never-made", within=30)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the policy never-made is gone" in result.stdout


def test_a_dead_webhook_is_a_failure(cluster: Cluster, selftest: SelfTest) -> None:
    cluster.processes.webhook.kill()
    result = selftest.run("--policy=production")
    assert result.returncode == 1
    assert "FAILED" in result.stdout
    assert "failed calling webhook" in result.stdout


def test_configurations_that_are_gone_are_a_failure(cluster: Cluster, selftest: SelfTest) -> None:
    cluster.processes.operator.kill()
    cluster.kubectl("admin", "delete", "validatingwebhookconfiguration", "cutline-gate").must_pass()
    result = selftest.run("--policy=production")
    assert result.returncode == 1
    assert "validatingwebhookconfigurations/cutline-gate does not exist" in result.stdout


def test_it_waits_for_an_operator_that_has_not_come_so_far(cluster: Cluster, selftest: SelfTest) -> None:
    cluster.kubectl("admin", "delete", "validatingwebhookconfiguration", "cutline-gate").must_pass()
    result = selftest.run("--policy=production", within=60)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("phase", "succeeds"), [("Succeeded", True), ("Failed", False)])
def test_helm_leaves_nothing_of_its_test_however_it_ends(cluster: Cluster, phase: str, succeeds: bool) -> None:
    """No node here runs the pod: its end is written in the kubelet's place."""
    environment = cluster.testbed.environment("admin")
    command = ("helm", "test", "cutline", "-n", SYSTEM, "--timeout", "100s")
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as helm:
        await_true(lambda: bool(cluster.get("pod", _NAME, SYSTEM).get("status", {}).get("startTime")), "the pod ran")
        ended = ("patch", "pod", _NAME, "-n", SYSTEM, "--subresource=status", "--type=merge", "-p")
        cluster.kubectl("admin", *ended, json.dumps({"status": {"phase": phase}})).must_pass()
        output, _ = helm.communicate(timeout=120)
    assert (helm.returncode == 0) is succeeds, output
    assert f"Phase:          {phase}" in output
    for kind in _MADE_INSIDE:
        assert not cluster.get(kind, _NAME, SYSTEM), kind
    for kind in _MADE_OUTSIDE:
        assert not cluster.get(kind, _NAME), kind
