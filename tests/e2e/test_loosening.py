"""Leaving the scope is a change: whatever decides where the line is can be drawn tighter, not quietly looser."""

import json
from typing import Any

import pytest

from tests.e2e.cluster import POLICIES, SYSTEM, Cluster
from tests.e2e.login import JSON_PATCH, MERGE
from tests.e2e.manifests import CHECKOUT, POLICY, line, scale_down
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def namespace(name: str) -> dict[str, str]:
    return {"group": "", "kind": "Namespace", "name": name}


def replaced(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


def added(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "add", "path": path, "value": value}]


def removed(path: str) -> list[dict[str, Any]]:
    return [{"op": "remove", "path": path}]


def test_a_namespace_does_not_leave_its_policy_unsigned(cluster: Cluster) -> None:
    ns = cluster.namespace()
    refused = (f"Loosening of namespace/{ns}", "production/seed-line: 1 approval from sre")
    cluster.kubectl("agent", "label", "namespace", ns, "cutline.dev/line-").must_be_refused(*refused)
    cluster.kubectl("platform", "label", "namespace", ns, "cutline.dev/line=staging", "--overwrite").must_be_refused(
        *refused
    )
    everything = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}}
    cluster.kubectl("admin", "replace", "-f", "-", stdin=json.dumps(everything)).must_be_refused(*refused)
    cluster.send("mallory", "PATCH", f"/api/v1/namespaces/{ns}", {"metadata": {"labels": None}}, MERGE).must_be_refused(
        *refused
    )
    for finalize in ("/finalize", "/status"):
        tree = cluster.get("namespace", ns)
        del tree["metadata"]["labels"]["cutline.dev/line"]
        cluster.send("admin", "PUT", f"/api/v1/namespaces/{ns}{finalize}", tree)
        assert cluster.get("namespace", ns)["metadata"]["labels"]["cutline.dev/line"] == "production"
    cluster.kubectl("agent", "label", "namespace", ns, "team=shop").must_pass()


def test_a_namespace_comes_under_a_policy_without_anybodys_leave(cluster: Cluster) -> None:
    ns = cluster.namespace(line=None)
    cluster.deployment(ns)
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=3").must_pass()
    cluster.kubectl("agent", "label", "namespace", ns, "cutline.dev/line=production").must_pass()
    command = ("scale", "deployment/checkout", "-n", ns, "--replicas=2")
    # The API server asks about a namespace by the labels that it knows of, and learns of new ones in a moment.
    await_true(lambda: not cluster.kubectl("agent", *command, "--dry-run=server").passed, "the label was known")
    cluster.kubectl("agent", *command).must_be_refused("ScaleDown")


def test_a_namespace_leaves_with_the_signatures_that_its_policy_demands(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    leaving = {"metadata": {"labels": {"cutline.dev/line": None}}}
    changes = cluster.denied_change("agent", "PATCH", f"/api/v1/namespaces/{ns}", leaving)
    cluster.try_propose("agent", ns, "Loosening", namespace(ns), changes=changes).must_be_refused(
        f"metadata.namespace: a Namespace has no namespace: propose it in {SYSTEM}"
    )
    name = cluster.propose("agent", SYSTEM, "Loosening", namespace(ns), changes=changes)
    command = ("label", "namespace", ns, "cutline.dev/line-")
    cluster.kubectl("agent", *command).must_be_refused("not signed")
    cluster.sign("alice", name, SYSTEM).must_pass()
    cluster.kubectl("agent", "label", "namespace", ns, "cutline.dev/line-", "team=x").must_be_refused(
        "not signed: /metadata/labels/team"
    )
    cluster.kubectl("agent", *command).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_pass()
    assert len(cluster.admitted(name)) == 1


def test_a_policy_is_made_stricter_freely_and_looser_with_signatures_only(cluster: Cluster) -> None:
    drawn = line("careful", "ScaleDown", "Rollback", approvals=2, including=("seniors",), validFor="10m")
    exempt = [{"actions": ["ScaleDown"], "scaleDown": {"neverBelow": 10}}]
    with cluster.policy(drawn, line("second", "Drain"), exempt=exempt) as careful:
        patch = ("patch", "revpol", careful, "--type=json", "-p")
        looser = [
            replaced("/spec/lines/0/require/approvals", 1),
            replaced("/spec/lines/0/actions", ["ScaleDown"]),
            replaced("/spec/lines/0/require/from", [{"userGroup": "people"}]),
            added("/spec/lines/0/require/from/-", {"userGroup": "people"}),
            removed("/spec/lines/0/require/including"),
            replaced("/spec/lines/0/validFor", "30m"),
            removed("/spec/lines/0/validFor"),
            added("/spec/lines/0/objects", {"matchLabels": {"tier": "payments"}}),
            replaced("/spec/lines/1/name", "other"),
            removed("/spec/lines/1"),
            added("/spec/enforcement", "Warn"),
            added("/spec/enforcement", "Audit"),
            replaced("/spec/exempt/0/scaleDown/neverBelow", 1),
            replaced("/spec/where", {"cluster": ["Nodes"]}),
            replaced("/spec/where/namespaces/matchLabels", {"cutline.dev/line": "nowhere"}),
        ]
        for change in looser:
            answer = cluster.send("platform", "PATCH", f"{POLICIES}/{careful}", change, JSON_PATCH)
            answer.must_be_refused("Loosening of reversibilitypolicy/", f"{careful}/careful: 2 approvals from sre")
        cluster.kubectl("platform", *patch, json.dumps(looser[0])).must_be_refused("Loosening")
        cluster.kubectl("admin", "delete", "revpol", careful).must_be_refused("Loosening")
        selected = f"{POLICIES}?fieldSelector=metadata.name%3D{careful}"
        cluster.send("mallory", "DELETE", selected).must_be_refused("Loosening", "careful")
        stricter = [
            replaced("/spec/lines/0/require/approvals", 3),
            added("/spec/lines/0/actions/-", "Drain"),
            added("/spec/lines/-", line("third", "Delete")),
            removed("/spec/exempt"),
            added("/metadata/annotations", {"note": "x"}),
        ]
        for change in stricter:
            cluster.kubectl("platform", *patch, json.dumps(change)).must_pass()


def test_a_signed_loosening_of_a_policy_passes_once(cluster: Cluster) -> None:
    with cluster.policy(line("careful", "ScaleDown", approvals=2)) as careful:
        path, change = f"{POLICIES}/{careful}", replaced("/spec/lines/0/require/approvals", 1)
        changes = cluster.denied_change("mallory", "PATCH", path, change, JSON_PATCH)
        name = cluster.propose("mallory", SYSTEM, "Loosening", POLICY | {"name": careful}, changes=changes)
        cluster.sign("alice", name, SYSTEM).must_pass()
        loosen = ("patch", "revpol", careful, "--type=json", "-p", json.dumps(change))
        cluster.kubectl("mallory", *loosen).must_be_refused("signed by alice", "1 approval from sre")
        cluster.sign("bob", name, SYSTEM).must_pass()
        cluster.kubectl("platform", *loosen).must_be_refused("only its proposer mallory may use it")
        cluster.kubectl("mallory", *loosen).must_pass()
        tighten = replaced("/spec/lines/0/require/approvals", 2)
        cluster.kubectl("platform", "patch", "revpol", careful, "--type=json", "-p", json.dumps(tighten)).must_pass()
        cluster.await_line(careful, "2 approvals")
        cluster.kubectl("mallory", *loosen).must_be_refused("was used already")


@pytest.mark.parametrize("kind", ["remediationproposals", "signoffs", "admittedchanges", "reversibilitypolicies"])
def test_cutlines_own_definitions_stay_as_they_are(cluster: Cluster, kind: str) -> None:
    name = f"{kind}.cutline.dev"
    path = f"{DEFINITIONS}/{name}"
    refused = (f"Loosening of customresourcedefinition/{name}"[:60], "production/seed-line")
    # First as dry runs: were one of them to pass, every object of the kind would be gone.
    cluster.send("mallory", "DELETE", f"{path}?dryRun=All").must_be_refused(*refused)
    cluster.send("mallory", "DELETE", f"{DEFINITIONS}?dryRun=All").must_be_refused(
        "Loosening of customresourcedefinition/"
    )
    cluster.kubectl("admin", "delete", "crd", name).must_be_refused(*refused)
    for change in (added("/spec/names/categories", ["xyz"]), replaced("/spec/versions/0/served", value=False)):
        cluster.send("mallory", "PATCH", path, change, JSON_PATCH).must_be_refused(*refused)
    cluster.kubectl("admin", "annotate", "crd", name, "note=x", "--overwrite").must_pass()


def test_other_definitions_are_other_peoples(cluster: Cluster) -> None:
    names = {"kind": "Kite", "plural": "kites", "singular": "kite", "listKind": "KiteList"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    spec = {"group": "e2e.example.com", "names": names, "scope": "Namespaced", "versions": versions}
    kites = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "kites.e2e.example.com"},
        "spec": spec,
    }
    cluster.apply("mallory", kites).must_pass()
    cluster.kubectl("mallory", "delete", "crd", "kites.e2e.example.com").must_pass()


def test_an_object_does_not_lose_the_label_that_a_line_selects_it_by(cluster: Cluster) -> None:
    payments = line("payments", "ScaleDown", approvals=2, objects={"matchLabels": {"tier": "payments"}})
    with cluster.policy(payments) as careful:
        ns = cluster.namespace(line=careful)
        cluster.deployment(ns)
        scale = ("scale", "deployment/checkout", "-n", ns)
        cluster.kubectl("agent", *scale, "--replicas=3").must_pass()
        cluster.kubectl("agent", "label", "deployment", "checkout", "tier=payments", "-n", ns).must_pass()
        cluster.kubectl("agent", *scale, "--replicas=2").must_be_refused(f"{careful}/payments: 2 approvals from sre")
        refused = ("Loosening of deployment/checkout", f"{careful}/payments")
        label = ("label", "deployment", "checkout", "-n", ns)
        cluster.kubectl("agent", *label, "tier-").must_be_refused(*refused)
        cluster.kubectl("admin", *label, "tier=other", "--overwrite").must_be_refused(*refused)
        both = {"metadata": {"labels": {"tier": None}}, "spec": {"replicas": 1}}
        path = f"/apis/apps/v1/namespaces/{ns}/deployments/checkout"
        cluster.send("agent", "PATCH", path, both, MERGE).must_be_refused("Loosening+ScaleDown of deployment/checkout")
        # Coming under the line by the very change that it gates is no way around it either.
        cluster.kubectl("agent", *label, "team=x").must_pass()
        changes = cluster.denied_change("agent", "PATCH", path, {"metadata": {"labels": {"tier": None}}})
        name = cluster.propose("agent", ns, "Loosening", CHECKOUT, changes=changes)
        for persona in ("alice", "bob"):
            cluster.sign(persona, name, ns).must_pass()
        cluster.kubectl("agent", *label, "tier-").must_pass()
        cluster.kubectl("agent", *scale, "--replicas=2").must_pass()
        gated = {"metadata": {"labels": {"tier": "payments"}}, "spec": {"replicas": 1}}
        cluster.send("agent", "PATCH", path, gated, MERGE).must_be_refused("ScaleDown of deployment/checkout")


def test_a_pod_does_not_lose_the_label_that_a_line_selects_it_by(cluster: Cluster) -> None:
    with cluster.policy(line("payments", "Restart", objects={"matchLabels": {"app": "checkout"}})) as careful:
        ns = cluster.namespace(line=careful)
        cluster.deployment(ns, replicas=1)
        pod = cluster.items("pods", "-n", ns)[0]["metadata"]["name"]
        cluster.kubectl("agent", "delete", "pod", pod, "-n", ns).must_be_refused(f"{careful}/payments")
        cluster.kubectl("agent", "label", "pod", pod, "app-", "-n", ns).must_be_refused("Loosening+PodRemoval of pod/")
        cluster.kubectl("agent", "label", "pod", pod, "note=x", "-n", ns).must_pass()


def test_a_loosening_cannot_be_written_by_hand(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.try_propose("agent", SYSTEM, "Loosening", namespace(ns)).must_be_refused("spec.changes", "is missing")
    cluster.try_propose("agent", SYSTEM, "Loosening", namespace(ns), **scale_down(1)).must_be_refused("spec")
