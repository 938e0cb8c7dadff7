"""Cutline's own objects keep what they say: nobody edits, adopts, holds or removes what weighs against a change."""

from typing import Any

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import JSON_PATCH, MERGE
from tests.e2e.manifests import CHECKOUT, line, proposal, scale_down
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

API = "/apis/cutline.dev/v1alpha1"
STRANGER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-0000-0000-000000000000"}


def used(cluster: Cluster) -> tuple[str, dict[str, str]]:
    """A namespace, and the paths of a signed and used proposal, its sign-off and its record."""
    ns = cluster.namespace()
    labels, containers = {"app": "checkout"}, [{"name": "shop", "image": "shop:v1"}]
    # A namespace ends the sooner, the less grace its pods ask for.
    pods = {"metadata": {"labels": labels}, "spec": {"containers": containers, "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 4, "selector": {"matchLabels": labels}, "template": pods}
    metadata = {"name": "checkout", "namespace": ns}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    cluster.apply("admin", deployment).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_pass()
    signoff, record = cluster.items("signoffs", "-n", ns)[0], cluster.admitted(name)[0]
    return ns, {
        "proposal": f"{API}/namespaces/{ns}/remediationproposals/{name}",
        "signoff": f"{API}/namespaces/{ns}/signoffs/{signoff['metadata']['name']}",
        "record": f"{API}/namespaces/{SYSTEM}/admittedchanges/{record['metadata']['name']}",
    }


def await_gone(cluster: Cluster, path: str) -> None:
    await_true(lambda: cluster.send("admin", "GET", path).status == 404, f"{path} is gone")


def test_what_was_written_is_never_rewritten(cluster: Cluster) -> None:
    _, paths = used(cluster)
    edits: dict[str, list[dict[str, Any]]] = {
        "proposal": [
            {"spec": {"validFor": "30m"}},
            {"spec": {"proposer": {"username": "mallory"}}},
            {"spec": {"changes": []}},
            {"spec": {"why": {"summary": "quite harmless"}}},
        ],
        "signoff": [{"spec": {"decision": "Reject"}}, {"spec": {"by": {"username": "bob"}}}, {"spec": {"reason": "x"}}],
        "record": [{"spec": {"actor": {"username": "bob"}}}, {"spec": {"proposal": {"uid": "x"}}}],
    }
    for what, patches in edits.items():
        for patch in patches:
            for persona in ("admin", "mallory"):
                cluster.send(persona, "PATCH", paths[what], patch, MERGE).must_be_refused("spec")
    status: dict[str, Any] = {"status": {"conditions": []}}
    for path in paths.values():
        answer = cluster.send("admin", "PATCH", f"{path}/status", status, MERGE)
        assert answer.status == 404 or "written by Cutline's operator alone" in answer.message


def test_nobody_adopts_or_holds_cutlines_objects(cluster: Cluster) -> None:
    ns, paths = used(cluster)
    with cluster.policy(line("careful", "ScaleDown")) as careful:
        paths["policy"] = f"{API}/reversibilitypolicies/{careful}"
        for path in paths.values():
            for field, value in {"ownerReferences": STRANGER, "finalizers": "e2e.example.com/hold"}.items():
                patch = [{"op": "add", "path": f"/metadata/{field}", "value": [value]}]
                cluster.send("admin", "PATCH", path, patch, JSON_PATCH).must_be_refused(
                    f"metadata.{field}: must not be set on Cutline's own kinds"
                )
    for field, value in {"ownerReferences": STRANGER, "finalizers": "e2e.example.com/hold"}.items():
        held = proposal("held", ns, "ScaleDown", CHECKOUT, **scale_down(1))
        held["metadata"][field] = [value]
        cluster.apply("agent", held).must_be_refused(f"metadata.{field}: must not be set")


def test_what_weighs_against_a_change_cannot_be_swept_away(cluster: Cluster) -> None:
    ns, paths = used(cluster)
    for what, path in paths.items():
        for options in (None, {"gracePeriodSeconds": 0}, {"propagationPolicy": "Orphan"}):
            answer = cluster.send("mallory", "DELETE", path, options)
            answer.must_be_refused("stays while proposal", "reject or revoke instead")
        collection = path.rpartition("/")[0]
        if what != "record":  # that collection is everybody's
            cluster.send("admin", "DELETE", collection).must_be_refused("stays while proposal")
        assert cluster.send("admin", "GET", path).passed
    cluster.kubectl("admin", "delete", "signoffs,rprop", "-n", ns, "--all").must_be_refused("stays while proposal")


def test_an_unsigned_proposal_may_be_withdrawn_and_its_name_means_nothing(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    asked = proposal("again", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.apply("agent", asked).must_pass()
    first = cluster.digest("again", ns)
    cluster.kubectl("agent", "delete", "rprop", "again", "-n", ns).must_pass()
    cluster.apply("agent", asked).must_pass()
    assert cluster.digest("again", ns) != first
    cluster.sign("alice", "again", ns, digest=first).must_be_refused("spec.digest", "read it again before you sign")


def test_objects_that_people_sign_have_names(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    unnamed = proposal("", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    unnamed["metadata"] = {"generateName": "p-", "namespace": ns}
    cluster.send("agent", "POST", f"{API}/namespaces/{ns}/remediationproposals", unnamed).must_be_refused(
        "metadata.name: is missing"
    )


def test_a_namespace_goes_with_all_its_proposals(cluster: Cluster) -> None:
    ns, paths = used(cluster)
    cluster.kubectl("admin", "delete", "namespace", ns, "--wait=false").must_pass()
    for what in ("proposal", "signoff"):
        await_gone(cluster, paths[what])
    assert cluster.send("admin", "GET", paths["record"]).passed


def test_what_a_policy_cannot_mean_is_refused_by_the_field(cluster: Cluster) -> None:
    def policy(**spec: Any) -> dict[str, Any]:
        where = {"namespaces": {"matchLabels": {"cutline.dev/line": "nowhere"}}}
        body = {"where": where, "lines": [line("one", "ScaleDown")], **spec}
        metadata = {"name": "meaningless"}
        return {"apiVersion": "cutline.dev/v1alpha1", "kind": "ReversibilityPolicy", "metadata": metadata, "spec": body}

    nobody = line("one", "ScaleDown") | {"require": {"approvals": 1, "from": []}}
    impossible = line("one", "ScaleDown")
    impossible["require"] |= {"including": [{"userGroup": "seniors", "atLeast": 2}]}
    for field, meaningless in {
        "spec.lines": policy(lines=[]),
        "spec.where": policy(where={}),
        "spec.where.namespaces": policy(where={"namespaces": {}}),
        "spec.lines[0].require.from": policy(lines=[nobody]),
        "spec.lines[0].require.including": policy(lines=[impossible]),
        "spec.lines[0].actions": policy(lines=[line("one", "Demolish")]),
        "spec.enforcement": policy(enforcement="Sometimes"),
    }.items():
        cluster.apply("platform", meaningless).must_be_refused(field)
