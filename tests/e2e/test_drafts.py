"""A denial leaves a draft behind: one for what was tried, not too many, and none in place of a signed one."""

import secrets
from typing import Any

import pytest

from cutline_webhook.drafting import MOST_PER_ACTOR
from tests.e2e.cluster import Cluster
from tests.e2e.login import MERGE
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]


def _deployments(cluster: Cluster, ns: str, *names: str) -> None:
    """Some that need not run: their pods would only cost time."""
    for name in names:
        labels = {"app": name}
        pod = {"nodeSelector": {"no": "where"}, "containers": [{"name": "shop", "image": "shop:v1"}]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": 4, "selector": {"matchLabels": labels}, "template": template}
        cluster.send("admin", "POST", _path(ns), {"metadata": {"name": name}, "spec": spec}).must_pass()


def _path(ns: str) -> str:
    return f"/apis/apps/v1/namespaces/{ns}/deployments"


def _deny(cluster: Cluster, persona: str, ns: str, name: str, replicas: int = 2) -> None:
    down = {"spec": {"replicas": replicas}}
    cluster.send(persona, "PATCH", f"{_path(ns)}/{name}", down, MERGE).must_be_refused("ScaleDown", "needs a signed")


def _drafts(cluster: Cluster, ns: str, *, proposer: str = "") -> dict[str, dict[str, Any]]:
    """The drafts in a namespace by target, of everybody or of one proposer."""
    drafts = cluster.items("rprop", "-n", ns, "-l", "cutline.dev/draft-by")
    mine = [one for one in drafts if not proposer or one["spec"]["proposer"]["username"] == proposer]
    found = {one["spec"]["target"]["name"]: one for one in mine}
    assert len(found) == len(mine), "a target has two drafts"
    return found


def _await_later_draft(cluster: Cluster, persona: str, ns: str) -> None:
    """Deny something else. Drafts are made one after the other: where this one is, an earlier one would be."""
    other = f"later-{secrets.token_hex(2)}"
    _deployments(cluster, ns, other)
    _deny(cluster, persona, ns, other)
    await_true(lambda: other in _drafts(cluster, ns), f"{persona}'s denial was drafted")


def test_a_denial_is_drafted_in_the_name_of_who_was_denied(cluster: Cluster) -> None:
    ns = cluster.namespace()
    _deployments(cluster, ns, "checkout")
    for _ in range(2):
        _deny(cluster, "robot", ns, "checkout")
    await_true(lambda: "checkout" in _drafts(cluster, ns), "the denial was drafted")
    first = _drafts(cluster, ns)["checkout"]
    assert first["spec"]["proposer"]["username"] == "robot"
    # Another change of the same kind takes its place while nobody has signed it.
    _deny(cluster, "robot", ns, "checkout", replicas=3)
    await_true(
        lambda: _drafts(cluster, ns).get("checkout", first)["metadata"]["uid"] != first["metadata"]["uid"],
        "the newer draft took its place",
    )
    draft = _drafts(cluster, ns)["checkout"]
    assert draft["metadata"]["name"] == first["metadata"]["name"]
    cluster.sign("alice", draft["metadata"]["name"], ns).must_pass()
    cluster.send("robot", "PATCH", f"{_path(ns)}/checkout", {"spec": {"replicas": 3}}, MERGE).must_pass()


def test_a_draft_that_was_signed_stays_until_it_was_used(cluster: Cluster) -> None:
    ns = cluster.namespace()
    _deployments(cluster, ns, "checkout")
    _deny(cluster, "robot", ns, "checkout", replicas=3)
    await_true(lambda: "checkout" in _drafts(cluster, ns), "the denial was drafted")
    signed = _drafts(cluster, ns)["checkout"]
    name = signed["metadata"]["name"]
    cluster.sign("alice", name, ns).must_pass()
    _deny(cluster, "robot", ns, "checkout", replicas=2)
    _await_later_draft(cluster, "robot", ns)
    assert _drafts(cluster, ns)["checkout"]["metadata"]["uid"] == signed["metadata"]["uid"]
    cluster.send("robot", "PATCH", f"{_path(ns)}/checkout", {"spec": {"replicas": 3}}, MERGE).must_pass()
    assert len(cluster.admitted(name)) == 1
    _deny(cluster, "robot", ns, "checkout", replicas=2)
    await_true(lambda: bool(cluster.get("rprop", f"{name}-2", ns)), "the next denial got a draft of its own")
    assert cluster.get("rprop", name, ns)["spec"] == signed["spec"]


def test_nobody_has_more_than_twenty_live_drafts(cluster: Cluster) -> None:
    ns = cluster.namespace()
    busy = cluster.newcomer(f"busy-{secrets.token_hex(2)}", "people", "sre")
    targets = [f"app-{number:02}" for number in range(MOST_PER_ACTOR)]
    _deployments(cluster, ns, *targets, "one-more")
    for target in targets:
        _deny(cluster, busy, ns, target)
    await_true(lambda: set(_drafts(cluster, ns, proposer=busy)) == set(targets), "each denial was drafted")
    _deny(cluster, busy, ns, "one-more")
    _await_later_draft(cluster, "robot", ns)
    drafts = _drafts(cluster, ns, proposer=busy)
    assert set(drafts) == set(targets)
    # The limit is of live ones: where one is withdrawn, there is room again.
    withdrawn = drafts[targets[0]]["metadata"]["name"]
    cluster.kubectl(busy, "delete", "rprop", withdrawn, "-n", ns).must_pass()
    _deny(cluster, busy, ns, "one-more")
    await_true(lambda: "one-more" in _drafts(cluster, ns, proposer=busy), "there is room for one more")
