"""What can be asked for: a proposal that nobody could use, or nobody may read, is refused with the reason."""

import json
from typing import Any

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, line, scale_down
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e


def shop(cluster: Cluster, **how: Any) -> str:
    ns = cluster.namespace()
    cluster.deployment(ns, **how)
    return ns


def test_what_needs_no_signature_is_not_proposed(cluster: Cluster) -> None:
    free = cluster.namespace(line=None)
    cluster.deployment(free)
    cluster.try_propose("agent", free, "ScaleDown", CHECKOUT, **scale_down(2)).must_be_refused(
        "spec.target: no policy draws a line here: this needs no signature, just do it"
    )
    with cluster.policy(line("rollbacks", "Rollback")) as narrow:
        ns = cluster.namespace(line=narrow)
        cluster.deployment(ns)
        cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2)).must_be_refused(
            "spec.target: no policy draws a line here"
        )


@pytest.mark.parametrize(
    ("replicas", "problem"), [(4, "4 is not below the current 4"), (6, "6 is not below the current 4")]
)
def test_a_scale_down_goes_down(cluster: Cluster, replicas: int, problem: str) -> None:
    ns = shop(cluster)
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(replicas)).must_be_refused(
        f"spec.scaleDown.replicas: {problem}"
    )


def test_a_target_that_is_not_there_cannot_be_signed(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2)).must_be_refused(
        f"spec.target: there is no deployment/checkout in namespace {ns}"
    )
    nowhere = {"group": "", "kind": "Node", "name": "node-99"}
    cluster.try_propose("agent", SYSTEM, "Drain", nowhere, drain={}).must_be_refused(
        "spec.target: there is no node/node-99"
    )
    pod = {"group": "", "kind": "Pod", "name": "checkout-0"}
    cluster.try_propose("agent", ns, "Restart", pod, restart={}).must_be_refused(
        "spec.target: there is no pod/checkout-0"
    )


def test_a_revision_that_is_not_there_cannot_be_signed(cluster: Cluster) -> None:
    ns = shop(cluster)
    cluster.try_propose("agent", ns, "Rollback", CHECKOUT, rollback={}).must_be_refused(
        "spec.rollback.toRevision: there is no earlier revision to return to"
    )
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v2", "-n", ns).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    cluster.try_propose("agent", ns, "Rollback", CHECKOUT, rollback={"toRevision": 41}).must_be_refused(
        "spec.rollback.toRevision: there is no revision 41; known are 1, 2"
    )
    cluster.try_propose("agent", ns, "Rollback", CHECKOUT, rollback={"toRevision": 2}).must_be_refused(
        "spec.rollback.toRevision: revision 2 is what runs already"
    )


def test_replicas_that_an_autoscaler_owns_are_its_to_change(cluster: Cluster) -> None:
    ns = shop(cluster)
    cluster.kubectl(
        "admin", "autoscale", "deployment", "checkout", "--name=busy", "--min=2", "--max=9", "-n", ns
    ).must_pass()
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2)).must_be_refused(
        "spec.target: the replicas belong to horizontalpodautoscaler/busy: change the HPA's bounds"
    )


def test_parameters_fit_their_action_and_kind(cluster: Cluster) -> None:
    ns = shop(cluster)
    propose = cluster.try_propose
    propose("agent", ns, "ScaleDown", CHECKOUT).must_be_refused("spec.scaleDown")
    propose("agent", ns, "ScaleDown", CHECKOUT, rollback={}, **scale_down(2)).must_be_refused(
        "spec.rollback", "goes with action Rollback only"
    )
    propose("agent", ns, "Rollback", CHECKOUT | {"group": "batch"}).must_be_refused("kind Deployment of group batch")
    propose("agent", ns, "Rollback", {"group": "", "kind": "Pod", "name": "x"}).must_be_refused("spec.target")
    propose("agent", ns, "Demolish", CHECKOUT).must_be_refused("spec.action", "'Demolish' is not one of")
    propose("agent", ns, "ScaleDown", CHECKOUT, executor="Operator", **scale_down(2)).must_be_refused("spec.executor")
    propose("agent", SYSTEM, "ScaleDown", CHECKOUT, **scale_down(2)).must_be_refused(
        f"spec.target: there is no deployment/checkout in namespace {SYSTEM}"
    )


def test_what_stands_above_the_changes_is_what_they_are_about(cluster: Cluster) -> None:
    ns = shop(cluster)
    cluster.deployment(ns, "toy", replicas=2)
    path = f"/apis/apps/v1/namespaces/{ns}/deployments/checkout/scale"
    changes = cluster.denied_change("agent", "PATCH", path, {"spec": {"replicas": 0}})
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT | {"name": "toy"}, changes=changes).must_be_refused(
        f"spec.target: is not what spec.changes is about, which is deployment/checkout ({ns})"
    )
    elsewhere = cluster.namespace()
    for where in (elsewhere, SYSTEM):
        cluster.try_propose("agent", where, "ScaleDown", CHECKOUT, changes=changes).must_be_refused(
            "spec.changes[0].canonical:", f"cannot be changed from {where}: propose it in {ns}"
        )
    leaving = cluster.denied_change(
        "agent", "PATCH", f"/api/v1/namespaces/{ns}", {"metadata": {"labels": {"cutline.dev/line": None}}}
    )
    cluster.try_propose("agent", ns, "Loosening", CHECKOUT, changes=leaving).must_be_refused(
        f"cannot be changed from {ns}: propose it in {SYSTEM}"
    )


def test_what_is_left_in_a_terminating_namespace_is_proposed_in_cutlines_own(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    path = f"/apis/apps/v1/namespaces/{ns}/deployments/checkout"
    hold = {"metadata": {"finalizers": ["e2e.example.com/hold"]}}
    cluster.send("admin", "PATCH", path, hold, MERGE).must_pass()
    cluster.kubectl("admin", "delete", "namespace", ns, "--wait=false").must_pass()
    await_true(
        lambda: "deletionTimestamp" in cluster.get("deployment", "checkout", ns)["metadata"], "it is on its way out"
    )
    fewer = {"spec": {"replicas": 1}}
    changes = cluster.denied_change("agent", "PATCH", path, fewer)
    name = cluster.propose("agent", SYSTEM, "ScaleDown", CHECKOUT, changes=changes)
    cluster.sign("alice", name, SYSTEM).must_pass()
    cluster.send("agent", "PATCH", path, fewer, MERGE).must_pass()
    assert len(cluster.admitted(name)) == 1
    cluster.send("admin", "PATCH", path, {"metadata": {"finalizers": None}}, MERGE).must_pass()


def test_nobody_proposes_to_read_what_he_may_not(cluster: Cluster) -> None:
    ns = shop(cluster, images=2)
    intern = cluster.newcomer("intern", "people")
    cluster.allow(
        intern, ns, {"apiGroups": ["cutline.dev"], "resources": ["remediationproposals"], "verbs": ["create", "get"]}
    )
    hidden = (
        f"spec.target: intern may not get deployments.apps/checkout in namespace {ns}, so it is not rendered for him"
    )
    cluster.try_propose(intern, ns, "ScaleDown", CHECKOUT, **scale_down(2)).must_be_refused(hidden)
    path = f"/apis/apps/v1/namespaces/{ns}/deployments/checkout/scale"
    changes = cluster.denied_change("agent", "PATCH", path, {"spec": {"replicas": 2}})
    cluster.try_propose(intern, ns, "ScaleDown", CHECKOUT, changes=changes).must_be_refused(hidden)
    # Nor does he learn that way whether something exists.
    cluster.try_propose(intern, ns, "ScaleDown", CHECKOUT | {"name": "ghost"}, **scale_down(2)).must_be_refused(
        "intern may not get deployments.apps/ghost"
    )
    # A rollback shows old templates, which stand in other objects.
    cluster.allow(intern, ns, {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]})
    cluster.try_propose(intern, ns, "Rollback", CHECKOUT, rollback={}).must_be_refused(
        "spec.target: intern may not list replicasets.apps"
    )


def test_what_deceives_the_eye_is_not_stored(cluster: Cluster) -> None:
    ns = shop(cluster, replicas=2)
    for text in ("all \u202efine", "\u001b[2Jclean", "zero\u200bwidth", "a\u0007bell", "\u2028", "   ", "a\u0085b"):
        why = {
            "summary": text,
            "evidence": [{"source": "prometheus", "claim": text}],
            "alternatives": [{"what": text, "whyNot": text}],
        }
        cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, why=why, **scale_down(1)).must_be_refused(
            "spec.why.summary: Invalid value",
            "spec.why.evidence[0].claim: Invalid value",
            "spec.why.alternatives[0].what: Invalid value",
            "spec.why.alternatives[0].whyNot: Invalid value",
        )
    one_line = {"summary": "fine", "incident": "INC-1\nINC-2", "evidence": [{"source": "a\tb", "claim": "fine"}]}
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, why=one_line, **scale_down(1)).must_be_refused(
        "spec.why.incident: Invalid value", "spec.why.evidence[0].source: Invalid value"
    )


def test_a_link_is_a_link(cluster: Cluster) -> None:
    ns = shop(cluster, replicas=2)
    for link in ("javascript:alert(1)", "https://exa\u202emple.com", "https://a b"):
        why = {"summary": "x", "evidence": [{"source": "s", "claim": "c", "link": link}]}
        cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, why=why, **scale_down(1)).must_be_refused(
            "spec.why.evidence[0].link"
        )


def test_people_are_not_asked_to_judge_more_than_they_can_read(cluster: Cluster) -> None:
    ns = shop(cluster, replicas=1)
    for text in ("a", "b"):
        large = {"name": "shop", "env": [{"name": "LARGE", "value": text * 40_000}]}
        patch = json.dumps({"spec": {"template": {"spec": {"containers": [large]}}}})
        cluster.kubectl("admin", "patch", "deployment", "checkout", "-n", ns, "-p", patch).must_pass()
        cluster.rolled_out(ns, "deployment/checkout")
    cluster.try_propose("agent", ns, "Rollback", CHECKOUT, rollback={"toRevision": 2}).must_be_refused(
        "spec.changes: is ", " bytes; people cannot judge more than 65536 at once"
    )
    too_long = {"summary": "x" * 1025}
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, why=too_long, **scale_down(0)).must_be_refused(
        "spec.why.summary", "1024"
    )
