"""The cluster of the end-to-end tests: one testbed with Cutline; each test has a namespace of its own.

With CUTLINE_E2E_CLUSTER=node the same tests run against Cutline in pods of real nodes, behind its Service, and
their workloads in real containers. Those that stop and start its processes by hand are marked `processes`.
"""

import os
from collections.abc import Iterator

import pytest

from cutline_testbed import CutlinePods, CutlineProcesses, Options, Testbed, install
from tests.e2e.cluster import Cluster

ON_NODES = os.environ.get("CUTLINE_E2E_CLUSTER") == "node"
# What the tests' workloads ask for: the pause image by other names, for there is no registry.
IMAGES = ("shop:v1", "shop:v2", "shop:v3", "shop:v9", "db:v1", "db:v2", "ledger:v1")


@pytest.fixture(scope="session")
def standing_cluster() -> Iterator[Cluster]:
    """Started once; what this run started it also ends."""
    name = os.environ.get("CUTLINE_E2E_TESTBED", "e2e-node" if ON_NODES else "e2e")
    testbed = Testbed(name)
    started = testbed.start(Options(nodes=0, real_nodes=2) if ON_NODES else None)
    try:
        install(testbed)
        pods = None
        if testbed.real_nodes is not None:
            pods = CutlinePods(testbed)
            for node in testbed.real_nodes.nodes:
                node.tag_image("localhost/pause:1", *(f"docker.io/library/{image}" for image in IMAGES))
        yield Cluster(testbed, CutlineProcesses(testbed), pods)
    finally:
        if started:
            testbed.clean()


@pytest.fixture
def cluster(standing_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with both processes running, whatever the test before did to them."""
    if standing_cluster.pods is not None:
        standing_cluster.pods.await_ready()
    else:
        standing_cluster.processes.start_operator()
        standing_cluster.processes.start_webhook()
        standing_cluster.processes.await_gate()
    yield standing_cluster
    for name in standing_cluster.namespaces:
        standing_cluster.kubectl("admin", "delete", "namespace", name, "--wait=false")
    standing_cluster.namespaces.clear()
