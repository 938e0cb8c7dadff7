"""A workload returns to what it was: recognised by what its pods become, whoever asks and however."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, Outcome
from tests.e2e.login import JSON_PATCH
from tests.e2e.manifests import CHECKOUT

pytestmark = pytest.mark.e2e

KINDS = ("Deployment", "StatefulSet", "DaemonSet")
IMAGE = "/spec/template/spec/containers/0/image"


def workload(kind: str, image: str, **template: Any) -> dict[str, Any]:
    """The same small application as any of the three kinds."""
    labels = {"app": "checkout"}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, **template},
            "spec": {"containers": [{"name": "shop", "image": image}]},
        },
    }
    if kind != "DaemonSet":
        spec["replicas"] = 2
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "checkout"}, "spec": spec}


def run_two_revisions(cluster: Cluster, kind: str) -> str:
    """A namespace with `checkout` of that kind, at its second revision."""
    ns = cluster.namespace()
    for image in ("shop:v1", "shop:v2"):
        cluster.kubectl("admin", "apply", "-n", ns, "-f", "-", stdin=json.dumps(workload(kind, image))).must_pass()
        cluster.rolled_out(ns, f"{kind}/checkout")
    return ns


def image_of(cluster: Cluster, ns: str, kind: str = "Deployment") -> str:
    return str(cluster.get(kind, "checkout", ns)["spec"]["template"]["spec"]["containers"][0]["image"])


def path_of(ns: str) -> str:
    return f"/apis/apps/v1/namespaces/{ns}/deployments/checkout"


def target_of(kind: str) -> dict[str, str]:
    return CHECKOUT | {"kind": kind}


@pytest.mark.parametrize("kind", KINDS)
def test_rollout_undo_needs_a_signature_and_passes_once_with_it(cluster: Cluster, kind: str) -> None:
    ns = run_two_revisions(cluster, kind)
    undo = ("rollout", "undo", f"{kind}/checkout", "-n", ns)
    cluster.kubectl("agent", *undo).must_be_refused(
        f"Rollback of {kind.lower()}/checkout", "production/seed-line: 1 approval from sre"
    )
    name = cluster.propose("agent", ns, "Rollback", target_of(kind), rollback={"toRevision": 1})
    cluster.kubectl("agent", *undo).must_be_refused("not signed", "1 approval from sre")
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", *undo).must_pass()
    assert image_of(cluster, ns, kind) == "shop:v1"
    # Undoing the undo is a rollback of its own.
    cluster.rolled_out(ns, f"{kind}/checkout")
    cluster.kubectl("agent", *undo).must_be_refused(f"Rollback of {kind.lower()}/checkout")
    assert image_of(cluster, ns, kind) == "shop:v1"
    assert [record["spec"]["signedBy"] for record in cluster.admitted(name)] == ["alice"]


def test_an_undo_of_an_undo_can_be_signed_like_any_other(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    for image in ("shop:v1", "shop:v2"):
        name = cluster.propose("agent", ns, "Rollback", CHECKOUT, rollback={})
        cluster.sign("bob", name, ns).must_pass()
        cluster.kubectl("agent", "rollout", "undo", "deployment/checkout", "-n", ns).must_pass()
        cluster.rolled_out(ns, "deployment/checkout")
        assert image_of(cluster, ns) == image


def test_a_rollback_is_one_whatever_request_brings_it_about(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    refused = ("Rollback of deployment/checkout", "needs a signed proposal")
    old = json.dumps(workload("Deployment", "shop:v1"))
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v1", "-n", ns).must_be_refused(*refused)
    for apply in (("apply",), ("apply", "--server-side", "--force-conflicts"), ("replace",)):
        cluster.kubectl("agent", *apply, "-n", ns, "-f", "-", stdin=old).must_be_refused(*refused)
    patch = ("patch", "deployment", "checkout", "-n", ns)
    to_old = json.dumps([{"op": "replace", "path": IMAGE, "value": "shop:v1"}])
    cluster.kubectl("robot", *patch, "--type=json", "-p", to_old).must_be_refused(*refused)
    strategic = {"spec": {"template": {"spec": {"containers": [{"name": "shop", "image": "shop:v1"}]}}}}
    cluster.kubectl("mallory", *patch, "-p", json.dumps(strategic)).must_be_refused(*refused)
    assert image_of(cluster, ns) == "shop:v2"


@pytest.mark.parametrize(
    "disguise",
    [{"annotations": {"note": "x"}}, {"labels": {"app": "checkout", "note": "x"}}],
    ids=["annotation", "label"],
)
def test_a_rollback_in_disguise_is_still_one(cluster: Cluster, disguise: dict[str, Any]) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    disguised = json.dumps(workload("Deployment", "shop:v1", **disguise))
    cluster.kubectl("agent", "apply", "-n", ns, "-f", "-", stdin=disguised).must_be_refused("Rollback")
    tuned = {
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "shop", "image": "shop:v1", "env": [{"name": "A", "value": "b"}]}]}
            }
        }
    }
    cluster.kubectl("agent", "patch", "deployment", "checkout", "-n", ns, "-p", json.dumps(tuned)).must_be_refused(
        "Rollback"
    )


def test_going_forward_and_restarting_need_nobody(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v3", "-n", ns).must_pass()
    for _ in range(2):
        cluster.kubectl("agent", "rollout", "restart", "deployment/checkout", "-n", ns).must_pass()
        cluster.rolled_out(ns, "deployment/checkout")
    # Returning to before the restart is a rollback, though the image stays.
    cluster.kubectl("agent", "rollout", "undo", "deployment/checkout", "-n", ns).must_be_refused("Rollback")


def test_a_signature_for_one_revision_admits_no_other(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v3", "-n", ns).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    name = cluster.propose("agent", ns, "Rollback", CHECKOUT, rollback={"toRevision": 1})
    cluster.sign("alice", name, ns).must_pass()
    undo = ("rollout", "undo", "deployment/checkout", "-n", ns)
    cluster.kubectl("agent", *undo).must_be_refused("Rollback of deployment/checkout")
    cluster.kubectl("agent", *undo, "--to-revision=1").must_pass()
    assert image_of(cluster, ns) == "shop:v1"


def test_the_annotations_that_an_undo_restores_are_part_of_what_is_signed(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    cluster.kubectl("admin", "annotate", "deployment", "checkout", "team=shop", "-n", ns).must_pass()
    name = cluster.propose("agent", ns, "Rollback", CHECKOUT, rollback={})
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "rollout", "undo", "deployment/checkout", "-n", ns).must_pass()
    assert "team" not in (cluster.get("deployment", "checkout", ns)["metadata"].get("annotations") or {})


def test_a_new_release_since_the_signature_voids_it(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    name = cluster.propose("agent", ns, "Rollback", CHECKOUT, rollback={"toRevision": 1})
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("bob", "set", "image", "deployment/checkout", "shop=shop:v3", "-n", ns).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    cluster.kubectl("agent", "rollout", "undo", "deployment/checkout", "-n", ns, "--to-revision=1").must_be_refused(
        "Rollback of deployment/checkout"
    )
    assert cluster.admitted(name) == []


def test_a_rollback_that_also_scales_down_needs_both_signed(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    both = [
        {"op": "replace", "path": IMAGE, "value": "shop:v1"},
        {"op": "replace", "path": "/spec/replicas", "value": 1},
    ]
    command = ("patch", "deployment", "checkout", "-n", ns, "--type=json", "-p", json.dumps(both))
    cluster.kubectl("agent", *command).must_be_refused("Rollback+ScaleDown of deployment/checkout")
    rollback = cluster.propose("agent", ns, "Rollback", CHECKOUT, rollback={"toRevision": 1})
    cluster.sign("alice", rollback, ns).must_pass()
    cluster.kubectl("agent", *command).must_be_refused("Rollback+ScaleDown of deployment/checkout")
    changes = cluster.denied_change("agent", "PATCH", path_of(ns), both, JSON_PATCH)
    signed = cluster.propose("agent", ns, "Rollback", CHECKOUT, changes=changes)
    assert cluster.get("rprop", signed, ns)["spec"]["changes"][0]["effects"] == ["Rollback", "ScaleDown"]
    cluster.sign("alice", signed, ns).must_pass()
    # Neither half passes on the signature for the whole.
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_be_refused(
        "signed only together with"
    )
    cluster.kubectl("agent", *command).must_pass()
    assert (image_of(cluster, ns), cluster.replicas(ns)) == ("shop:v1", 1)
    assert cluster.admitted(rollback) == []


def test_a_change_out_of_a_denial_admits_exactly_that_command(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    to_old = [{"op": "replace", "path": IMAGE, "value": "shop:v1"}]
    changes = cluster.denied_change("agent", "PATCH", path_of(ns), to_old, JSON_PATCH)
    name = cluster.propose("agent", ns, "Rollback", CHECKOUT, changes=changes)
    assert cluster.get("rprop", name, ns)["spec"]["changes"][0]["canonical"] == changes[0]["canonical"]
    cluster.sign("alice", name, ns).must_pass()
    more = [*to_old, {"op": "add", "path": "/metadata/labels", "value": {"team": "x"}}]
    cluster.kubectl(
        "agent", "patch", "deployment", "checkout", "-n", ns, "--type=json", "-p", json.dumps(more)
    ).must_be_refused("not signed: /metadata/labels (send it on its own)")
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v1", "-n", ns).must_pass()
    assert image_of(cluster, ns) == "shop:v1"


def test_a_tampered_change_is_refused_by_the_field_it_stands_in(cluster: Cluster) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    to_old = [{"op": "replace", "path": IMAGE, "value": "shop:v1"}]
    (true,) = cluster.denied_change("agent", "PATCH", path_of(ns), to_old, JSON_PATCH)
    text = true["canonical"]
    uid = cluster.get("deployment", "checkout", ns)["metadata"]["uid"]
    where = "spec.changes[0].canonical:"
    tampered = {
        text.replace("shop:v2", "shop:v0"): (where, "does not apply to deployment/checkout"),
        text.replace(uid, "00000000-0000-0000-0000-000000000000"): (where, "does not exist"),
        text.replace(f'"{ns}"', '"kube-system"'): ("there is no deployment/checkout in namespace kube-system",),
        text.replace('"verb"', ' "verb"'): (where, "is not in canonical form"),
        text.replace("cutline/1", "cutline/2"): (where,),
        text[:-1]: (where, "is not a change"),
        text.replace("shop:v1", "shop:v3"): ("spec.changes:", "nothing here has an effect that needs a signature"),
    }
    for canonical, messages in tampered.items():
        assert canonical != text
        changes = [{"canonical": canonical}]
        cluster.try_propose("agent", ns, "Rollback", CHECKOUT, changes=changes).must_be_refused(*messages)
    stamped = [{"canonical": text, "digest": "sha256:" + "0" * 64}]
    cluster.try_propose("agent", ns, "Rollback", CHECKOUT, changes=stamped).must_be_refused(
        "spec.changes[0].digest: is written by the gate alone"
    )
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, changes=[true]).must_be_refused(
        "spec.action: ScaleDown is not what the change does, which is Rollback"
    )
    cluster.propose("agent", ns, "Rollback", CHECKOUT, changes=[true])


def forgets_history(cluster: Cluster, ns: str) -> Outcome:
    patch = ("patch", "deployment", "checkout", "-n", ns, "-p", '{"spec":{"revisionHistoryLimit":0}}')
    return cluster.kubectl("agent", *patch)


def rewrites_history(cluster: Cluster, ns: str) -> Outcome:
    other = json.dumps([{"op": "replace", "path": IMAGE, "value": "other:v0"}])
    patch = ("patch", "replicaset", first_revision(cluster, ns), "-n", ns, "--type=json", "-p", other)
    return cluster.kubectl("agent", *patch)


def first_revision(cluster: Cluster, ns: str) -> str:
    sets = cluster.items("replicasets", "-n", ns)
    return str(next(one["metadata"]["name"] for one in sets if one["spec"]["replicas"] == 0))


# Deleting a revision is a limit that docs/explanation/limits.md names: deletions are not judged yet.
@pytest.mark.parametrize("erase", [forgets_history, rewrites_history])
def test_history_cannot_be_erased_to_roll_back_unseen(
    cluster: Cluster, erase: Callable[[Cluster, str], Outcome]
) -> None:
    ns = run_two_revisions(cluster, "Deployment")
    erase(cluster, ns).must_be_refused("Rollback")
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v1", "-n", ns).must_be_refused(
        "Rollback"
    )
