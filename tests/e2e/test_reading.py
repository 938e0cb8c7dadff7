"""What kubectl itself shows of our kinds: columns, categories, explanations, selections; and how a policy stands."""

import json
import secrets

import pytest

from tests.e2e.cluster import AGENT, SYSTEM, Cluster
from tests.e2e.manifests import CHECKOUT, line, policy, scale_down
from tests.e2e.told import await_phase, await_state, conditions
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_WHY = {"summary": "no traffic since noon", "incident": "INC-1207", "confidence": "High"}


def _row(cluster: Cluster, *arguments: str) -> dict[str, str]:
    """The one object that kubectl lists, by its columns."""
    header, row = cluster.kubectl("alice", "get", *arguments).must_pass().output.splitlines()
    starts = [index for index in range(len(header)) if header[:index][-2:] in ("", "  ") and header[index] != " "]
    ends = [*starts[1:], None]
    return {header[a:b].strip(): row[a:b].strip() for a, b in zip(starts, ends, strict=True)}


def _used(cluster: Cluster, ns: str) -> str:
    """A proposal that was signed, used and completed."""
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2), why=_WHY)
    await_phase(cluster, name, ns, "Approved")
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_pass()
    await_phase(cluster, name, ns, "Completed")
    return name


def test_a_proposal_a_sign_off_and_a_record_are_read_on_one_line_each(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = _used(cluster, ns)
    proposal = _row(cluster, "rprop", "-n", ns, "-o", "wide")
    stored = cluster.get("rprop", name, ns)
    assert proposal.pop("AGE")
    assert proposal == {
        "NAME": name,
        "ACTION": "ScaleDown",
        "KIND": "Deployment",
        "TARGET": "checkout",
        "PHASE": "Completed",
        "SIGNED": "1/1",
        "PROPOSER": AGENT,
        "DECIDE BY": stored["status"]["decideBy"],
        "INCIDENT": "INC-1207",
        "DIGEST": stored["spec"]["digest"],
    }
    signoff = _row(cluster, "signoff", "-n", ns)
    assert (signoff["PROPOSAL"], signoff["DECISION"], signoff["BY"]) == (name, "Approve", "alice")
    assert signoff["REASON"] == "looked at the change"
    claim = await_state(cluster, name, "Settled", "the target shows")["metadata"]["name"]
    record = _row(cluster, "admitted", claim, "-n", SYSTEM, "-o", "wide")
    assert record.pop("WHEN")
    assert record == {
        "NAME": claim,
        "WHO": AGENT,
        "ACTION": "ScaleDown",
        "TARGET": "checkout",
        "TARGET NAMESPACE": ns,
        "SIGNED BY": "alice",
        "STATE": "Settled",
        "KIND": "Deployment",
        "PROPOSAL": name,
    }
    listed = cluster.kubectl("alice", "get", "cutline", "-A", "-o", "name").must_pass().output.splitlines()
    signed = cluster.items("signoffs", "-n", ns)[0]["metadata"]["name"]
    assert {
        f"remediationproposal.cutline.dev/{name}",
        f"signoff.cutline.dev/{signed}",
        f"admittedchange.cutline.dev/{claim}",
        "reversibilitypolicy.cutline.dev/production",
    } <= set(listed)


def test_proposals_are_selected_by_phase_action_and_target(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    cluster.deployment(ns, "toy")
    approved = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    pending = cluster.propose("agent", ns, "ScaleDown", CHECKOUT | {"name": "toy"}, **scale_down(2))
    await_phase(cluster, approved, ns, "Approved")
    await_phase(cluster, pending, ns, "Pending")

    def selected(by: str) -> list[str]:
        answer = cluster.kubectl("alice", "get", "rprop", "-n", ns, "--field-selector", by, "-o", "name").must_pass()
        return [found.rpartition("/")[2] for found in answer.output.splitlines()]

    assert selected("status.phase=Approved") == [approved]
    assert selected("status.phase=Pending") == [pending]
    assert selected("status.phase!=Approved,spec.action=ScaleDown") == [pending]
    assert selected("spec.target.kind=Deployment,spec.target.name=checkout") == [approved]


def test_fields_are_explained(cluster: Cluster) -> None:
    explained = " ".join(cluster.kubectl("alice", "explain", "rprop.spec.why.confidence").must_pass().output.split())
    assert "How sure the proposer is. It is shown to the approvers and lowers no demand." in explained
    assert "ENUM: Low Medium High" in explained
    for kind in ("signoff.spec.digest", "admitted.spec.signedBy", "revpol.spec.lines.require.approvals"):
        assert "<empty>" not in cluster.kubectl("alice", "explain", kind).must_pass().output


def test_a_policy_says_that_it_is_in_force_and_what_it_selects(cluster: Cluster) -> None:
    label = f"counted-{secrets.token_hex(3)}"
    for _ in range(2):
        cluster.namespace(line=label)
    cluster.namespace(line=f"{label}-not")
    where = {"namespaces": {"matchLabels": {"cutline.dev/line": label}}, "cluster": ["Nodes"]}
    with cluster.policy(line("drains", "Drain"), where=where, onDeny="Draft") as name:
        await_true(lambda: "status" in cluster.get("revpol", name), "the policy has a status")
        status = cluster.get("revpol", name)["status"]
        nodes = len(cluster.items("nodes"))
        assert nodes
        assert (status["selectedNamespaces"], status["selectedNodes"]) == (2, nodes)
        assert conditions(status) == {"Ready": ("True", "InForce")}
        row = _row(cluster, "revpol", name, "-o", "wide")
        assert row.pop("AGE")
        assert row == {
            "NAME": name,
            "ENFORCEMENT": "Deny",
            "ON-DENY": "Draft",
            "NAMESPACES": "2",
            "READY": "True",
            "NODES": str(nodes),
        }


def test_a_policy_that_selects_nothing_so_far_says_so(cluster: Cluster) -> None:
    text = json.dumps(policy("nobodys", line("nowhere", "ScaleDown")))
    applied = cluster.kubectl("platform", "apply", "--dry-run=server", "-f", "-", stdin=text).must_pass()
    assert "policy nobodys selects no namespace so far" in " ".join(applied.output.split())
    with cluster.policy(line("nowhere", "ScaleDown")) as name:
        await_true(lambda: "status" in cluster.get("revpol", name), "the policy has a status")
        status = cluster.get("revpol", name)["status"]
        assert conditions(status) == {"Ready": ("True", "SelectsNothing")}
        assert (status["selectedNamespaces"], status["selectedNodes"]) == (0, 0)
