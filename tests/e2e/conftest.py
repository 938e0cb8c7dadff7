"""One testbed with Cutline for all end-to-end tests; each test has a namespace of its own."""

import os
from collections.abc import Iterator

import pytest

from cutline_testbed import CutlineProcesses, Testbed, install
from tests.e2e.cluster import Cluster


@pytest.fixture(scope="session")
def standing_cluster() -> Iterator[Cluster]:
    """Started once; what this run started it also ends."""
    testbed = Testbed(os.environ.get("CUTLINE_E2E_TESTBED", "e2e"))
    started = testbed.start()
    try:
        install(testbed)
        yield Cluster(testbed, CutlineProcesses(testbed))
    finally:
        if started:
            testbed.clean()


@pytest.fixture
def cluster(standing_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with both processes running, whatever the test before did to them."""
    standing_cluster.processes.start_operator()
    standing_cluster.processes.start_webhook()
    standing_cluster.processes.await_gate()
    yield standing_cluster
    for name in standing_cluster.namespaces:
        standing_cluster.kubectl("admin", "delete", "namespace", name, "--wait=false")
    standing_cluster.namespaces.clear()
