"""The load on simulated nodes: what the processes of this machine can show, and that the tally can fail at all."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster
from tests.node.demands import Allowed
from tests.node.load import SteadyLoad
from tests.node.processes import OneProcess
from tests.node.trial import Trials

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_GATE = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cutline-gate"


@pytest.fixture
def trials(cluster: Cluster, lines: list[str]) -> Iterator[Trials]:
    """New for each test: what a test does to the processes or the gate, the fixture `cluster` repairs."""
    replica = OneProcess(cluster.processes)
    trials = Trials(cluster, replica, 1, lines)
    yield trials
    cluster.processes.start_operator()
    cluster.processes.start_webhook()
    cluster.processes.await_gate()
    trials.close()
    replica.close()


def test_a_gate_that_is_taken_away_is_found_in_the_objects(trials: Trials, cluster: Cluster) -> None:
    """The operator, which would put it back at once, is away until everybody has sent without a gate."""

    def take_away(load: SteadyLoad) -> None:
        cluster.processes.stop_operator()
        cluster.send("admin", "DELETE", _GATE).must_pass()
        load.await_round()
        cluster.processes.start_operator()

    measured, problems = trials.measure("gate taken away, to see that it shows", take_away, Allowed())
    admitted = dict(measured.gated_admitted)
    answers = {what for what in admitted if what.startswith("the answer to")}
    # Which of the gated requests fall into the gap is chance; each shows twice, as an answer and in its object.
    assert answers, problems
    assert admitted.keys() - answers, problems
    # While there is no gate nobody counts uses, either: a signed change may happen twice then.
    # And what has been done unsigned is nothing to propose any more.
    moot = "refused with a replica alive: propose, "
    found = {problem.split(": ", 1)[0] for problem in problems if not problem.startswith(moot)}
    assert {"admitted unsigned"} <= found <= {"admitted unsigned", "used more than once"}, problems


def test_without_a_webhook_whatever_may_be_gated_stops_and_nothing_else(trials: Trials, cluster: Cluster) -> None:
    def away_for_a_while(load: SteadyLoad) -> None:
        cluster.processes.operator.kill()
        cluster.processes.webhook.kill()
        load.await_round()
        cluster.processes.start_operator()
        cluster.processes.start_webhook()

    trials.run("webhook and operator killed", away_for_a_while, Allowed(down=True))


def test_an_etcd_that_comes_and_goes_costs_time_and_nothing_else(trials: Trials, cluster: Cluster) -> None:
    def restart(_: SteadyLoad) -> None:
        cluster.testbed.stop_component("etcd")
        cluster.testbed.start_component("etcd")

    trials.run("etcd restarted", restart, Allowed(api=True))
