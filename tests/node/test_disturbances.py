"""What may happen to a cluster in service, on real nodes and under load: each with one line that counts.

In the order below each disturbance leaves the next one two replicas that did not crash lately: kubelets
let a container that crashes twice wait.
"""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from cutline_testbed.helm import chart
from tests.e2e.cluster import SYSTEM, Cluster, Outcome
from tests.e2e.waiting import await_true
from tests.node.demands import Allowed
from tests.node.load import SteadyLoad
from tests.node.pods import Containers, PodReplicas
from tests.node.trial import Trials

pytestmark = pytest.mark.node

_WEBHOOK = "deployment/cutline-webhook"


@dataclass(frozen=True, slots=True)
class Disturber:
    """The hands that disturb."""

    cluster: Cluster
    containers: Containers

    def rolling_restart(self, _: SteadyLoad) -> None:
        self.cluster.kubectl("admin", "rollout", "restart", _WEBHOOK, "-n", SYSTEM).must_pass()
        self.cluster.rolled_out(SYSTEM, _WEBHOOK)
        await_true(lambda: len(set(self.containers.nodes("webhook"))) == 2, "the replicas ran on two nodes")

    def kill_one(self, _: SteadyLoad) -> None:
        assert len(self.containers.strike("webhook", signal.SIGKILL, count=1)) == 1

    def kill_both(self, load: SteadyLoad) -> None:
        """And again, as soon as one is back, until everybody has met it."""
        load.await_round(lambda: self.containers.strike("webhook", signal.SIGKILL))

    def stop_one(self, _: SteadyLoad) -> None:
        assert len(self.containers.strike("webhook", signal.SIGSTOP, count=1)) == 1

    def stop_both(self, load: SteadyLoad) -> None:
        assert len(self.containers.strike("webhook", signal.SIGSTOP)) == 2
        load.await_round()

    def kill_operator(self, load: SteadyLoad) -> None:
        assert len(self.containers.strike("operator", signal.SIGKILL)) == 1
        load.await_round()

    def kill_kubelets(self, load: SteadyLoad) -> None:
        """Of every node."""
        nodes = self.cluster.testbed.real_nodes
        assert nodes is not None
        for node in nodes.nodes:
            node.program("kubelet").kill()
        load.await_round()
        for node in nodes.nodes:
            self.cluster.testbed.start_component(f"kubelet-{node.name}")

    def restart(self, component: str) -> None:
        self.cluster.testbed.stop_component(component)
        self.cluster.testbed.start_component(component)

    def restart_node(self, _: SteadyLoad) -> None:
        """One that a replica runs on."""
        self.restart(self.containers.nodes("webhook")[0])

    def replace_certificates(self, load: SteadyLoad) -> None:
        """The authority and what it signed, as fast as the operator does it."""
        swift = ("--set", "certificates.announceFor=5s", "--set", "certificates.trustFormerFor=5s", "--wait")
        command = ("helm", "upgrade", "cutline", str(chart()), "-n", SYSTEM, "--reset-then-reuse-values", *swift)
        self.cluster.run("admin", *command).must_pass()
        await_true(lambda: self._certificates() == "Settled", "the certificates were settled")
        before = self._authority()
        self.cluster.kubectl(
            "admin", "annotate", "secret", "cutline-ca", "-n", SYSTEM, "cutline.dev/renew=now"
        ).must_pass()
        await_true(lambda: self._authority() != before, "there was another authority")
        await_true(lambda: self._certificates() == "Settled", "it alone was trusted", seconds=90)
        load.await_round()

    def _certificates(self) -> str:
        return str(self.cluster.get("configmap", "cutline-operator-state", SYSTEM)["data"].get("certificates"))

    def _authority(self) -> str:
        return str(self.cluster.get("secret", "cutline-ca", SYSTEM)["data"]["tls.crt"])

    def drain_all(self, load: SteadyLoad) -> None:
        """Every node that a replica runs on, by signed proposals; there is none for both replicas to go to."""
        first, second = sorted(set(self.containers.nodes("webhook")))
        for node in (first, second):
            target = {"group": "", "kind": "Node", "name": node}
            self.cluster.signed("agent", SYSTEM, "Drain", target, drain={})
        self.cluster.kubectl("agent", "cordon", second).must_pass()
        self._drain(first, 60).must_pass()
        # The replica that had to go waits for a node, so the disruption budget keeps the other one.
        self._drain(second, 8).must_be_refused("disruption budget")
        load.await_round()
        self.cluster.kubectl("agent", "uncordon", first).must_pass()
        self.cluster.rolled_out(SYSTEM, _WEBHOOK)
        self._drain(second, 60).must_pass()
        self.cluster.rolled_out(SYSTEM, _WEBHOOK)
        await_true(lambda: self.containers.nodes("webhook") == [first, first], f"both replicas ran on {first}")
        self.cluster.kubectl("agent", "uncordon", second).must_pass()

    def _drain(self, node: str, seconds: int) -> Outcome:
        flags = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={seconds}s")
        return self.cluster.kubectl("agent", "drain", node, *flags)


@pytest.fixture(scope="module")
def trials(standing_cluster: Cluster, lines: list[str]) -> Iterator[Trials]:
    replicas = PodReplicas(standing_cluster)
    trials = Trials(standing_cluster, replicas, 2, lines)
    yield trials
    trials.close()
    replicas.close()


@pytest.fixture
def disturber(standing_cluster: Cluster) -> Disturber:
    assert standing_cluster.pods is not None
    standing_cluster.pods.await_ready()
    return Disturber(standing_cluster, Containers(standing_cluster))


NOTHING, DIES, AWAY, NO_API = Allowed(), Allowed(failover=True), Allowed(failover=True, down=True), Allowed(api=True)


@pytest.mark.parametrize(
    ("name", "disturb", "allowed"),
    [
        ("one webhook container killed", Disturber.kill_one, DIES),
        ("rolling restart", Disturber.rolling_restart, NOTHING),
        ("all nodes drained", Disturber.drain_all, NOTHING),
        ("both webhook containers killed", Disturber.kill_both, AWAY),
        ("rolling restart again", Disturber.rolling_restart, NOTHING),
        ("one webhook container stopped", Disturber.stop_one, DIES),
        ("node restarted", Disturber.restart_node, DIES),
        ("both webhook containers stopped", Disturber.stop_both, AWAY),
        ("operator killed", Disturber.kill_operator, NOTHING),
        ("kubelets killed", Disturber.kill_kubelets, NOTHING),
        ("certificates replaced", Disturber.replace_certificates, NOTHING),
        ("API server restarted", lambda it, _: it.restart("kube-apiserver"), NO_API),
        ("etcd restarted", lambda it, _: it.restart("etcd"), NO_API),
    ],
)
def test_nothing_unsigned_passes_and_nothing_else_is_held_up(
    trials: Trials,
    disturber: Disturber,
    name: str,
    disturb: Callable[[Disturber, SteadyLoad], None],
    allowed: Allowed,
) -> None:
    trials.run(name, lambda load: disturb(disturber, load), allowed)
