"""What was signed is what passes: no more of it, no other half of it, and nothing that outlasts it."""

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import JSON_PATCH, MERGE
from tests.e2e.manifests import CHECKOUT, line, policy, scale_down
from tests.e2e.test_evasions import deployments

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

V1 = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "shop:v1"}


def _to(replicas: int) -> dict[str, object]:
    return {"op": "replace", "path": "/spec/replicas", "value": replicas}


@pytest.fixture
def shop(cluster: Cluster) -> str:
    """A namespace with a Deployment that has run two images."""
    namespace = cluster.namespace()
    cluster.deployment(namespace, images=2)
    return namespace


def _checkout(namespace: str) -> str:
    return f"{deployments(namespace)}/checkout"


def test_a_signed_rollback_and_scale_down_covers_no_scale_up_and_no_half(cluster: Cluster, shop: str) -> None:
    changes = cluster.denied_change("agent", "PATCH", _checkout(shop), [V1, _to(2)], JSON_PATCH)
    name = cluster.propose("agent", shop, "Rollback", CHECKOUT, changes=changes)
    cluster.sign("alice", name, shop).must_pass()
    up = cluster.send("agent", "PATCH", _checkout(shop), [V1, _to(9)], JSON_PATCH)
    up.must_be_refused("signed with other values: /spec/replicas")
    half = cluster.send("agent", "PATCH", _checkout(shop), [V1], JSON_PATCH)
    half.must_be_refused("signed only together with: /spec/replicas")
    cluster.send("agent", "PATCH", _checkout(shop), [V1, _to(2)], JSON_PATCH).must_pass()


def test_whoever_allows_one_pod_alone_does_not_empty_the_node(cluster: Cluster, shop: str) -> None:
    node = cluster.items("nodes")[-1]["metadata"]["name"]
    path, body = f"/api/v1/nodes/{node}", {"spec": {"taints": [{"key": "bad", "effect": "NoExecute"}]}}
    changes = cluster.denied_change("agent", "PATCH", path, body)
    target = {"group": "", "kind": "Node", "name": node}
    name = cluster.propose("agent", SYSTEM, "Drain", target, changes=changes)
    narrowed = cluster.sign("alice", name, SYSTEM, narrow={"pods": [f"{shop}/one-only"]})
    narrowed.must_be_refused("spec.narrow.pods: no change here removes single pods")
    cluster.send("agent", "PATCH", path, body, MERGE).must_be_refused("needs a signed proposal")


def test_a_policy_on_trial_raises_nothing(cluster: Cluster, shop: str) -> None:
    labels = {"metadata": {"labels": {"trial": shop}}}
    cluster.send("admin", "PATCH", f"/api/v1/namespaces/{shop}", labels, MERGE).must_pass()
    trial = policy(f"trial-{shop}", line("trial", "ScaleDown", approvals=3), enforcement="Audit")
    trial["spec"]["where"] = {"namespaces": {"matchLabels": {"trial": shop}}}
    cluster.apply("platform", trial).must_pass()
    name = cluster.propose("agent", shop, "ScaleDown", CHECKOUT, **scale_down(2))
    assert [one["approvals"] for one in cluster.get("rprop", name, shop)["spec"]["requirement"]] == [1]
    cluster.sign("alice", name, shop).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", shop, "--replicas=2").must_pass()


def test_nothing_leaves_a_policys_reach_in_an_emergency(cluster: Cluster, shop: str) -> None:
    path, leave = f"/api/v1/namespaces/{shop}", {"metadata": {"labels": {"cutline.dev/line": None}}}
    changes = cluster.denied_change("alice", "PATCH", path, leave)
    target = {"group": "", "kind": "Namespace", "name": shop}
    urgent = {"reason": "on fire", "ticket": "INC-1"}
    asked = cluster.try_propose("alice", SYSTEM, "Loosening", target, changes=changes, emergency=urgent)
    asked.must_be_refused("spec.emergency: what leaves a policy's reach")
