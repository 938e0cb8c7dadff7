"""Nodes that no kubelet plays: they are as ready as a test says, and take a signature to go."""

import time

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import MERGE


def report_ready(cluster: Cluster, node: str, status: str) -> None:
    """As its kubelet, whom everybody believes."""
    kubelet = cluster.newcomer(f"kubelet-{node}", "system:nodes", user=f"system:node:{node}")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    condition = {
        "type": "Ready",
        "status": status,
        "reason": "Test",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    cluster.send(
        kubelet, "PATCH", f"/api/v1/nodes/{node}/status", {"status": {"conditions": [condition]}}, MERGE
    ).must_pass()


def remove_node(cluster: Cluster, name: str) -> None:
    """Deleting a node is gated: it takes a signature even to tidy up."""
    changes = cluster.denied_change("bob", "DELETE", f"/api/v1/nodes/{name}")
    signed = cluster.propose("bob", SYSTEM, "Drain", {"kind": "Node", "name": name}, changes=changes)
    cluster.sign("alice", signed, SYSTEM).must_pass()
    cluster.send("bob", "DELETE", f"/api/v1/nodes/{name}").must_pass()
