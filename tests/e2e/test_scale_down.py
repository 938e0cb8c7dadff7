"""The main job on a real API server: refused, proposed, signed, let through once, refused again."""

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.told import await_draft

pytestmark = pytest.mark.e2e


def test_an_unsigned_scale_down_is_refused_by_whatever_request(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    scale = ("scale", "deployment/checkout", "-n", ns)
    cluster.kubectl("agent", *scale, "--replicas=2").must_be_refused(
        "ScaleDown of deployment/checkout",
        "4 -> 2 needs a signed proposal",
        "production/seed-line: 1 approval from sre",
    )
    cluster.kubectl("agent", *scale, "--replicas=0").must_be_refused("4 -> 0 needs a signed proposal")
    cluster.kubectl("robot", *scale, "--replicas=2", "--current-replicas=4").must_be_refused("ScaleDown")
    patch = ("patch", "deployment", "checkout", "-n", ns)
    cluster.kubectl("agent", *patch, "-p", '{"spec":{"replicas":2}}').must_be_refused("ScaleDown")
    cluster.kubectl(
        "mallory", *patch, "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":1}}'
    ).must_be_refused("4 -> 1")
    cluster.kubectl("admin", *scale, "--replicas=1").must_be_refused("ScaleDown")
    assert cluster.replicas(ns) == 4


def test_a_signed_scale_down_passes_once_and_never_again(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    command = ("scale", "deployment/checkout", "-n", ns, "--replicas=2")
    cluster.kubectl("agent", *command).must_be_refused(
        f"proposal {name}", "not signed", f"kubectl cutline show {name} -n {ns}"
    )
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", *command).must_pass()
    assert cluster.replicas(ns) == 2
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=4").must_pass()
    cluster.kubectl("agent", *command).must_be_refused("was used already")
    assert [record["spec"]["signedBy"] for record in cluster.admitted(name)] == ["alice"]


def test_dry_run_gets_the_same_verdict_and_leaves_no_record(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    command = ("scale", "deployment/checkout", "-n", ns, "--replicas=2")
    cluster.kubectl("agent", *command, "--dry-run=server").must_be_refused("ScaleDown")
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", *command, "--dry-run=server").must_pass()
    assert cluster.admitted(name) == []
    assert cluster.replicas(ns) == 4
    cluster.kubectl("agent", *command).must_pass()


def test_a_signed_command_sent_by_somebody_else_is_refused(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    command = ("scale", "deployment/checkout", "-n", ns, "--replicas=2")
    for persona in ("robot", "mallory", "admin", "bob"):
        cluster.kubectl(persona, *command).must_be_refused(
            "only its proposer system:serviceaccount:agents:ai-sre may use it"
        )
    cluster.kubectl("alice", *command).must_be_refused("who signed it may not use it")
    assert cluster.admitted(name) == []


def test_fewer_replicas_taken_away_are_within_what_was_signed_and_more_are_not(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_be_refused(
        "signed with other values"
    )
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=3").must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_be_refused()
    assert len(cluster.admitted(name)) == 1


def test_an_approver_can_take_away_but_not_add(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.sign("alice", name, ns, narrow={"replicas": 3}).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_be_refused(
        "no fewer than 3 replicas"
    )
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=3").must_pass()


def test_nothing_rides_along_with_a_signed_change(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    riding = '{"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"shop","image":"evil:v9"}]}}}}'
    cluster.kubectl("agent", "patch", "deployment", "checkout", "-n", ns, "-p", riding).must_be_refused(
        "not signed: /spec/template/spec/containers (send it on its own)"
    )
    labelled = '{"metadata":{"annotations":{"team":"x"}},"spec":{"replicas":2}}'
    cluster.kubectl("agent", "patch", "deployment", "checkout", "-n", ns, "-p", labelled).must_be_refused(
        "not signed: /metadata/annotations (send it"
    )
    cluster.kubectl("agent", "patch", "deployment", "checkout", "-n", ns, "-p", '{"spec":{"replicas":2}}').must_pass()


def test_a_rejection_stands_against_every_approval(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns, "Reject").must_pass()
    cluster.sign("bob", name, ns).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_be_refused(
        "rejected by alice"
    )
    rejection = cluster.items("signoffs", "-n", ns)[0]["metadata"]["name"]
    for persona in ("admin", "mallory"):
        cluster.kubectl(persona, "delete", "signoff", "-n", ns, "--all").must_be_refused("reject or revoke instead")
    assert cluster.get("signoff", rejection, ns)


def test_a_revoked_approval_admits_nothing(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns, "Revoke").must_be_refused("no approval of yours to revoke")
    cluster.sign("alice", name, ns).must_pass()
    cluster.sign("alice", name, ns, "Revoke").must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_be_refused(
        "revoked by alice"
    )


def test_a_changed_target_voids_the_approval(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("bob", "scale", "deployment/checkout", "-n", ns, "--replicas=6").must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_be_refused(
        "replicas is no longer what was signed"
    )


def test_a_recreated_target_is_another_object(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("admin", "delete", "deployment", "checkout", "-n", ns).must_pass()
    cluster.deployment(ns)
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_be_refused(
        "was signed, not this one"
    )


def test_an_approval_of_one_digest_admits_no_other(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    signed = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(3))
    other = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.sign("alice", other, ns, digest=cluster.digest(signed, ns)).must_be_refused(
        "spec.digest", "read it again before you sign"
    )
    cluster.sign("alice", signed, ns).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_be_refused()


def test_a_repeated_denial_meets_its_own_draft(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    command = ("scale", "deployment/checkout", "-n", ns, "--replicas=2")
    draft = await_draft(cluster, ns, "checkout", lambda: cluster.kubectl("agent", *command).must_be_refused())
    assert draft["spec"]["proposer"]["username"] == "system:serviceaccount:agents:ai-sre"
    cluster.kubectl("agent", *command).must_be_refused(f"proposal {draft['metadata']['name']}")
    assert len(cluster.items("remediationproposals", "-n", ns)) == 1
    cluster.sign("alice", draft["metadata"]["name"], ns).must_pass()
    cluster.kubectl("agent", *command).must_pass()


def test_records_are_written_by_cutline_alone(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_pass()
    record = cluster.admitted(name)[0]
    forged = {**record, "metadata": {"name": "forged", "namespace": SYSTEM}}
    cluster.apply("admin", forged).must_be_refused("written by Cutline's webhook alone")
    cluster.kubectl("admin", "delete", "admitted", record["metadata"]["name"], "-n", SYSTEM).must_be_refused(
        "stays while proposal"
    )
    status = (
        "patch",
        "rprop",
        name,
        "-n",
        ns,
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"phase":"Approved"}}',
    )
    cluster.kubectl("mallory", *status).must_be_refused("written by Cutline's operator alone")
    cluster.kubectl("admin", "delete", "rprop", name, "-n", ns).must_be_refused("stays while proposal")
