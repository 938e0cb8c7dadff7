"""Who may sign, what it takes to be enough, and whose word cannot be put into somebody's mouth."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.cluster import AGENT, POLICIES, Cluster
from tests.e2e.manifests import CHECKOUT, line, proposal, scale_down, signoff
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

GROUP = "cutline.dev"
SIGNS: dict[str, list[str]] = {
    "apiGroups": [GROUP],
    "resources": ["signoffs", "remediationproposals"],
    "verbs": ["create", "get", "list"],
}
APPROVES: dict[str, list[str]] = {"apiGroups": [GROUP], "resources": ["actions"], "verbs": ["approve"]}


def proposed(cluster: Cluster, *, by: str = "agent", line_label: str = "production") -> tuple[str, str]:
    """A namespace with a proposal to scale `checkout` from 4 to 2."""
    ns = cluster.namespace(line=line_label)
    cluster.deployment(ns)
    return ns, cluster.propose(by, ns, "ScaleDown", CHECKOUT, **scale_down(2))


def scale(ns: str) -> tuple[str, ...]:
    return ("scale", "deployment/checkout", "-n", ns, "--replicas=2")


def test_machines_cannot_sign_whatever_rights_they_are_given(cluster: Cluster) -> None:
    ns, name = proposed(cluster, by="bob")
    machines = {"agent": AGENT, "robot": "robot", "admin": "admin"}
    for user, group in {
        "system:serviceaccount:agents:second": "system:serviceaccounts",
        "system:node:e2e": "system:nodes",
        "root": "system:masters",
    }.items():
        persona = cluster.newcomer(f"machine-{len(machines)}", "people", "sre", group, user=user)
        machines[persona] = user
    for persona, user in machines.items():
        cluster.allow(user, ns, SIGNS, APPROVES)
        cluster.sign(persona, name, ns).must_be_refused(f"{user} cannot sign: only people can")
    cluster.kubectl("bob", *scale(ns)).must_be_refused("not signed")


def test_nobody_signs_what_he_proposed(cluster: Cluster) -> None:
    ns, name = proposed(cluster, by="alice")
    for decision in ("Approve", "Reject"):
        cluster.sign("alice", name, ns, decision).must_be_refused("alice proposed this and cannot sign it")
    cluster.sign("bob", name, ns).must_pass()
    cluster.kubectl("alice", *scale(ns)).must_pass()


def test_an_approval_from_outside_the_asked_groups_counts_for_nothing(cluster: Cluster) -> None:
    ns, name = proposed(cluster)
    said = cluster.sign("mallory", name, ns).must_pass()
    assert "this approval counts for nothing: approvals must come from sre" in said.output
    cluster.kubectl("agent", *scale(ns)).must_be_refused("not signed", "1 approval from sre")


def test_two_approvals_are_those_of_two_people_one_of_them_senior(cluster: Cluster) -> None:
    with cluster.policy(line("careful", "ScaleDown", approvals=2, including=("seniors",))) as careful:
        ns, name = proposed(cluster, line_label=careful)
        refused = f"{careful}/careful: 2 approvals from sre, 1 of them from seniors"
        cluster.kubectl("agent", *scale(ns)).must_be_refused(refused)
        for _ in range(2):
            cluster.sign("sam", name, ns).must_pass()
        cluster.kubectl("agent", *scale(ns)).must_be_refused("signed by sam", "missing: 1 approval from sre")
        other = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(3))
        for persona in ("alice", "bob"):
            cluster.sign(persona, other, ns).must_pass()
        cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=3").must_be_refused(
            "1 approval from seniors"
        )
        cluster.sign("alice", name, ns).must_pass()
        cluster.kubectl("agent", *scale(ns)).must_pass()
        (record,) = cluster.admitted(name)
        assert record["spec"]["signedBy"] == "alice, sam"


def test_the_author_of_a_rejection_may_think_again_and_both_stay(cluster: Cluster) -> None:
    ns, name = proposed(cluster)
    cluster.sign("alice", name, ns, "Reject").must_pass()
    cluster.sign("bob", name, ns).must_pass()
    cluster.kubectl("agent", *scale(ns)).must_be_refused("rejected by alice")
    # In one and the same second the rejection would weigh more.
    rejected = datetime.now(UTC).replace(microsecond=0)
    await_true(lambda: datetime.now(UTC) >= rejected + timedelta(seconds=1), "the next second has come")
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", *scale(ns)).must_pass()
    assert sorted(item["spec"]["decision"] for item in cluster.items("signoffs", "-n", ns)) == [
        "Approve",
        "Approve",
        "Reject",
    ]


def test_the_right_to_approve_can_be_for_one_action_alone(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, images=2)
    cluster.allow("platform", ns, SIGNS, APPROVES | {"resourceNames": ["ScaleDown"]})
    rollback = cluster.propose("agent", ns, "Rollback", CHECKOUT, rollback={})
    down = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    for decision in ("Approve", "Reject"):
        cluster.sign("platform", rollback, ns, decision).must_be_refused(
            f"platform may not approve actions.cutline.dev/Rollback in namespace {ns}"
        )
    cluster.sign("platform", down, ns).must_pass()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("proposer", {"username": "alice"}),
        ("nonce", "0" * 32),
        ("digest", "sha256:" + "0" * 64),
        ("requirement", [{"policy": "production", "line": "seed-line", "approvals": 1, "from": [{"userGroup": "x"}]}]),
    ],
)
def test_what_the_gate_says_of_a_proposal_is_taken_from_no_client(cluster: Cluster, field: str, value: Any) -> None:
    ns = cluster.namespace()
    spec = {**scale_down(2), field: value}
    for persona in ("agent", "admin"):
        cluster.apply(persona, proposal("forged", ns, "ScaleDown", CHECKOUT, **spec)).must_be_refused(
            f"spec.{field}: is written by the gate alone"
        )


def test_nobody_signs_in_another_name(cluster: Cluster) -> None:
    ns, name = proposed(cluster)
    digest = cluster.digest(name, ns)
    for field, value in {"by": {"username": "bob", "groups": ["sre"]}, "proposalUID": "0"}.items():
        forged = signoff("forged", ns, name, digest, "Approve", **{field: value})
        for persona in ("alice", "mallory"):
            cluster.apply(persona, forged).must_be_refused(f"spec.{field}: is written by the gate alone")
    unnamed = signoff("", ns, name, digest, "Approve")
    unnamed["metadata"] = {"generateName": "x-", "namespace": ns}
    path = f"/apis/cutline.dev/v1alpha1/namespaces/{ns}/signoffs"
    cluster.send("alice", "POST", path, unnamed).must_be_refused("metadata.name: is missing")
    elsewhere = signoff("elsewhere", "default", name, digest, "Approve")
    cluster.apply("alice", elsewhere).must_be_refused(
        f"spec.proposal: there is no proposal {name} in namespace default"
    )
    cluster.kubectl("agent", *scale(ns)).must_be_refused("not signed")


def test_who_signed_is_who_the_api_server_saw(cluster: Cluster) -> None:
    ns, name = proposed(cluster)
    cluster.sign("alice", name, ns).must_pass()
    (signed,) = cluster.items("signoffs", "-n", ns)
    by = signed["spec"]["by"]
    assert (by["username"], by["groups"][:2]) == ("alice", ["people", "sre"])
    assert by["credentialId"].startswith("X509SHA256=")
    assert signed["spec"]["proposalUID"] == cluster.get("rprop", name, ns)["metadata"]["uid"]


def test_a_policy_tightened_after_the_signature_is_demanded_too(cluster: Cluster) -> None:
    with cluster.policy(line("careful", "ScaleDown")) as careful:
        ns, name = proposed(cluster, line_label=careful)
        cluster.sign("alice", name, ns).must_pass()
        stricter = '[{"op":"replace","path":"/spec/lines/0/require/approvals","value":2}]'
        cluster.kubectl("platform", "patch", "revpol", careful, "--type=json", "-p", stricter).must_pass()
        cluster.await_line(careful, "2 approvals from sre")
        cluster.kubectl("agent", *scale(ns)).must_be_refused("signed by alice", "1 approval from sre")
        cluster.sign("bob", name, ns).must_pass()
        cluster.kubectl("agent", *scale(ns)).must_pass()


def test_a_policy_loosened_after_the_proposal_does_not_loosen_it(cluster: Cluster) -> None:
    with cluster.policy(line("careful", "ScaleDown", approvals=2)) as careful:
        ns, name = proposed(cluster, line_label=careful)
        cluster.sign("alice", name, ns).must_pass()
        looser = [{"op": "replace", "path": "/spec/lines/0/require/approvals", "value": 1}]
        path = f"{POLICIES}/{careful}"
        changes = cluster.denied_change("mallory", "PATCH", path, looser, "application/json-patch+json")
        target = {"group": GROUP, "kind": "ReversibilityPolicy", "name": careful}
        loosening = cluster.propose("mallory", "cutline-system", "Loosening", target, changes=changes)
        for persona in ("alice", "bob"):
            cluster.sign(persona, loosening, "cutline-system").must_pass()
        cluster.send("mallory", "PATCH", path, looser, "application/json-patch+json").must_pass()
        cluster.await_line(careful, "1 approval from sre")
        # Under the new rule alone one approval would do.
        cluster.kubectl("agent", *scale(ns)).must_be_refused("signed by alice", "1 approval from sre")
        fresh = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(3))
        cluster.sign("alice", fresh, ns).must_pass()
        cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=3").must_pass()
