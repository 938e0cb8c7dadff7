"""The verbs of `kubectl cutline` as people and agents type them, with a gate that answers."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cutline_cli.exits import ExitCode
from tests.e2e.cluster import AGENT, SYSTEM, Cluster, Outcome
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_BECAUSE = ("--reason", "looked at the change", "--yes")
_SUMMARY = ("--summary", "errors since the last change")
_TO_2 = ("scale", "deployment/checkout", "--replicas=2")
_WATCHED = re.compile(r'^apiserver_longrunning_requests{.*resource="(\w+)",scope="namespace".*verb="WATCH".*} (\S+)$')


def _shop(cluster: Cluster, **how: Any) -> str:
    ns = cluster.namespace()
    cluster.deployment(ns, **how)
    return ns


def _cutline(cluster: Cluster, persona: str, *arguments: str) -> Outcome:
    return cluster.kubectl(persona, "cutline", *arguments)


def _told(cluster: Cluster, persona: str, verb: str, *arguments: str) -> Any:
    """What a verb answers a program."""
    done = cluster.testbed.run_kubectl(persona, "cutline", verb, "-o", "json", *arguments)
    assert done.returncode == ExitCode.OK, done.stderr
    return json.loads(done.stdout)


def test_a_list_tells_where_each_proposal_stands(cluster: Cluster) -> None:
    ns = _shop(cluster)
    approved = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    pending = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(3))
    rows = [row.split() for row in _cutline(cluster, "alice", "list", "-n", ns).must_pass().output.splitlines()]
    assert rows[0] == ["NAME", "ACTION", "TARGET", "PHASE", "SIGNED", "PROPOSER", "DECIDE-BY"]
    stand = {row[0]: row[1:6] for row in rows[1:]}
    assert stand == {
        approved: ["ScaleDown", "deployment/checkout", "Approved", "1/1", AGENT],
        pending: ["ScaleDown", "deployment/checkout", "Pending", "0/1", AGENT],
    }
    listed = _told(cluster, "alice", "list", "-n", ns)["items"]
    assert {one["proposal"]["metadata"]["name"]: one["standing"]["phase"] for one in listed} == {
        approved: "Approved",
        pending: "Pending",
    }
    everywhere = _cutline(cluster, "alice", "list", "-A").must_pass().output.splitlines()
    assert [ns, pending] in [row.split()[:2] for row in everywhere]


def test_a_diff_is_the_change_that_is_signed(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    uid = cluster.get("deployment", "checkout", ns)["metadata"]["uid"]
    shown = _cutline(cluster, "alice", "diff", name, "-n", ns).must_pass().output
    assert shown.splitlines() == [f"deployment/checkout ({ns}), uid {uid}", "@ spec.replicas", "- 4", "+ 2"]
    stored = cluster.get("rprop", name, ns)["spec"]["changes"]
    assert [one["canonical"] for one in _told(cluster, "alice", "diff", name, "-n", ns)] == [stored[0]["canonical"]]


def test_what_is_rejected_by_command_is_rejected(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    assert _cutline(cluster, "bob", "reject", name, "-n", ns, *_BECAUSE[:2]).code == ExitCode.REFUSED
    signoff = _told(cluster, "bob", "reject", name, "-n", ns, *_BECAUSE)
    assert (signoff["spec"]["decision"], signoff["spec"]["by"]["username"]) == ("Reject", "bob")
    assert cluster.get("signoff", signoff["metadata"]["name"], ns)["spec"] == signoff["spec"]
    cluster.kubectl("agent", *_TO_2, "-n", ns).must_be_refused("rejected by bob")
    other = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    _cutline(cluster, "bob", "reject", other, "-n", ns, *_BECAUSE).must_pass()
    assert _told(cluster, "alice", "show", other, "-n", ns)["standing"]["phase"] == "Rejected"


def test_what_is_revoked_by_command_is_revoked(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    refused = _cutline(cluster, "bob", "revoke", name, "-n", ns, *_BECAUSE)
    assert refused.code == ExitCode.REFUSED
    assert "no approval of yours to revoke" in refused.output
    signoff = _told(cluster, "alice", "revoke", name, "-n", ns, *_BECAUSE)
    assert (signoff["spec"]["decision"], signoff["spec"]["by"]["username"]) == ("Revoke", "alice")
    cluster.kubectl("agent", *_TO_2, "-n", ns).must_be_refused("revoked by alice")


def _watched(cluster: Cluster) -> set[str]:
    """Which of our kinds somebody watches in one namespace; the operator and the gate watch them everywhere."""
    lines = cluster.kubectl("admin", "get", "--raw", "/metrics").must_pass().output.splitlines()
    found = (_WATCHED.match(line) for line in lines if 'group="cutline.dev"' in line)
    return {match[1] for match in found if match and float(match[2])}


@pytest.mark.parametrize("flags", [(), ("-o", "json")], ids=["text", "json"])
def test_who_waits_is_told_as_soon_as_it_is_approved(cluster: Cluster, flags: tuple[str, ...]) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    command = [str(cluster.testbed.kubectl), "cutline", "wait", name, "-n", ns, "--for", "Approved", *flags]
    environment = cluster.testbed.environment("agent")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as waiting:
        try:
            await_true(lambda: _watched(cluster) >= {"remediationproposals", "signoffs"}, "it watches")
            assert waiting.poll() is None
            cluster.sign("alice", name, ns).must_pass()
            output, _ = waiting.communicate(timeout=30)
        finally:
            waiting.kill()
    assert waiting.returncode == ExitCode.OK
    if flags:
        assert json.loads(output) == {"name": name, "phase": "Approved", "signed": "1/1"}
    else:
        assert output == f"{name} is Approved, signed 1/1\n"
    cluster.kubectl("agent", *_TO_2, "-n", ns).must_pass()


def test_who_waits_in_vain_is_told_why(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    # The first look at the proposal, and the operator's first word about it, come within that on a busy machine, too.
    for phase, timeout in {"Approved": "5s", "Used": "6s"}.items():
        late = _cutline(cluster, "agent", "wait", name, "-n", ns, "--for", phase, "--timeout", timeout)
        assert late.code == ExitCode.TIMED_OUT
        assert f"{name} is not {phase} in time; it has been Pending, signed 0/1" in late.output
    cluster.sign("alice", name, ns, "Reject").must_pass()
    rejected = _cutline(cluster, "agent", "wait", name, "-n", ns)
    assert rejected.code == ExitCode.REFUSED
    assert "is Rejected, so waiting for Approved ends here: Reject by alice (looked at the change)" in rejected.output
    assert _cutline(cluster, "agent", "wait", "nobodys", "-n", ns).code == ExitCode.NOT_FOUND


def _proposed(cluster: Cluster, ns: str, *command: str) -> dict[str, Any]:
    """The proposal that a rehearsed command of the agent's leads to."""
    tree: dict[str, Any] = _told(cluster, "agent", "propose", "-n", ns, *_SUMMARY, "--", "kubectl", *command)
    return tree


def test_an_apply_is_proposed_and_then_carried_out_as_it_was_rehearsed(cluster: Cluster, tmp_path: Path) -> None:
    ns = _shop(cluster, images=3)
    live = cluster.get("deployment", "checkout", ns)
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "shop:v1"
    manifest = tmp_path / "checkout.json"
    kept = {"name": "checkout", "namespace": ns, "labels": {"app": "checkout"}}
    tree = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": kept, "spec": live["spec"]}
    manifest.write_text(json.dumps(tree))
    apply = ("apply", "-f", str(manifest))
    proposal = _proposed(cluster, ns, *apply)
    assert (proposal["spec"]["action"], proposal["spec"]["target"]) == ("Rollback", CHECKOUT)
    assert cluster.get("deployment", "checkout", ns)["spec"] != live["spec"]
    cluster.kubectl("agent", *apply).must_be_refused(f"proposal {proposal['metadata']['name']}", "not signed")
    cluster.sign("alice", proposal["metadata"]["name"], ns).must_pass()
    cluster.kubectl("agent", *apply).must_pass()
    assert len(cluster.admitted(proposal["metadata"]["name"])) == 1
    # Now nothing is left to be signed.
    assert _proposed(cluster, ns, *apply) == {"signatureNeeded": False, "command": f"kubectl {' '.join(apply)}"}


def test_the_deletion_of_a_pod_is_proposed_and_then_carried_out(cluster: Cluster) -> None:
    ns = _shop(cluster, replicas=2)
    pod, other = (one["metadata"]["name"] for one in cluster.items("pods", "-n", ns))
    proposal = _proposed(cluster, ns, "delete", "pod", pod)
    assert proposal["spec"]["action"] == "Restart"
    assert proposal["spec"]["target"] == {"group": "", "kind": "Pod", "name": pod}
    assert "deletionTimestamp" not in cluster.get("pod", pod, ns)["metadata"]
    name = proposal["metadata"]["name"]
    _cutline(cluster, "alice", "approve", name, "-n", ns, *_BECAUSE).must_pass()
    cluster.kubectl("agent", "delete", "pod", other, "-n", ns).must_be_refused(f"PodRemoval of pod/{other}")
    cluster.kubectl("agent", "delete", "pod", pod, "-n", ns).must_pass()
    assert len(cluster.admitted(name)) == 1


def test_a_drain_is_proposed_whole_and_nothing_is_drained(cluster: Cluster) -> None:
    ns = _shop(cluster, replicas=2)
    pods = cluster.items("pods", "-n", ns)
    node = pods[0]["spec"]["nodeName"]
    drain = ("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force")
    proposal = _proposed(cluster, ns, *drain)
    try:
        assert proposal["metadata"]["namespace"] == SYSTEM
        assert proposal["spec"]["action"] == "Drain"
        assert proposal["spec"]["target"] == {"group": "", "kind": "Node", "name": node}
        changes = "".join(one["canonical"] for one in proposal["spec"]["changes"])
        assert all((one["metadata"]["uid"] in changes) is (one["spec"]["nodeName"] == node) for one in pods)
        assert "unschedulable" not in cluster.get("node", node)["spec"]
        assert {one["metadata"]["uid"] for one in cluster.items("pods", "-n", ns)} == {
            one["metadata"]["uid"] for one in pods
        }
    finally:
        cluster.kubectl("agent", "delete", "rprop", proposal["metadata"]["name"], "-n", SYSTEM).must_pass()
