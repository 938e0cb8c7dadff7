"""One signature, one use: also when many ask at once, through two API servers.

What happened to an object is read from its whole history, a watch from before the first request
on: what counts is not how many requests were let through but how often the object changed.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from cutline_testbed import CutlineProcesses, Options, Testbed, install
from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import MERGE, Answer, Login
from tests.e2e.manifests import CHECKOUT, scale_down, signoff
from tests.e2e.told import await_draft
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_SERVERS = ("kube-apiserver", "kube-apiserver-2")
_ROUNDS = 3
_OURS = "/apis/cutline.dev/v1alpha1/namespaces"


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    """A testbed of its own with two API servers on one etcd."""
    testbed = Testbed(os.environ.get("CUTLINE_E2E_TESTBED", "e2e") + "-pair")
    try:
        testbed.start(Options(api_servers=2, nodes=1))
        install(testbed)
        cluster = Cluster(testbed, CutlineProcesses(testbed))
        cluster.await_line("production", "seed-line")
        # Resource versions of records are then the order in which they were stored: nobody edits them.
        cluster.processes.stop_operator()
        yield cluster
    finally:
        testbed.clean()


def _path(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/checkout"


def _deployment(cluster: Cluster, namespace: str) -> None:
    """One that need not run: its pods would only cost time."""
    labels = {"app": "checkout"}
    pod = {"nodeSelector": {"no": "where"}, "containers": [{"name": "shop", "image": "shop:v1"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    cluster.apply(
        "admin",
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "checkout", "namespace": namespace},
            "spec": {"replicas": 4, "selector": {"matchLabels": labels}, "template": template},
        },
    ).must_pass()


def _at_both(cluster: Cluster, persona: str) -> tuple[Login, ...]:
    return tuple(cluster.login(persona, server) for server in _SERVERS)


def _scale(login: Login, namespace: str, replicas: int, *, by_subresource: bool = True) -> Answer:
    path = _path(namespace) + ("/scale" if by_subresource else "")
    return login.send("PATCH", path, {"spec": {"replicas": replicas}}, MERGE)


def _scale_late(login: Login, namespace: str, *, milliseconds: int) -> Answer:
    """So much later that the other request has come further."""
    threading.Event().wait(milliseconds / 1000)
    return _scale(login, namespace, 2)


def _at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """All of them from one starting line."""
    line = threading.Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer:
        line.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


class _History:
    """How the replicas of the Deployment went, from now on."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._admin = cluster.login("admin")
        self._namespace = namespace
        self._since = self._now()

    def replicas(self) -> list[int]:
        """Each number that it had, repetitions left out."""
        until = int(self._now())
        found: list[int] = [4]
        query = f"watch=true&fieldSelector=metadata.name=checkout&resourceVersion={self._since}&timeoutSeconds=20"
        if until == int(self._since):
            return found
        for event in self._admin.watch(f"/apis/apps/v1/namespaces/{self._namespace}/deployments?{query}"):
            if event["object"]["spec"]["replicas"] != found[-1]:
                found.append(event["object"]["spec"]["replicas"])
            if int(event["object"]["metadata"]["resourceVersion"]) >= until:
                break
        return found

    def _now(self) -> str:
        return str(self._admin.send("GET", _path(self._namespace)).must_pass()["metadata"]["resourceVersion"])


class _Upscaler:
    """Somebody who keeps the replicas at four, through both API servers, as fast as he can."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._logins = _at_both(cluster, "bob")
        self._namespace = namespace
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(login,), daemon=True) for login in self._logins]
        self.seen: set[int] = set()

    def _run(self, login: Login) -> None:
        while not self._ended.is_set():
            self.seen.add(_scale(login, self._namespace, 4).status)

    def __enter__(self) -> "_Upscaler":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("by_subresource", [True, False], ids=["scale", "patch"])
def test_two_equal_requests_at_two_api_servers_are_one_use(pair: Cluster, *, by_subresource: bool) -> None:
    ns = pair.namespace()
    _deployment(pair, ns)
    for _ in range(_ROUNDS):
        name = pair.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
        history = _History(pair, ns)
        one, two = _at_both(pair, "agent")
        answers = _at_once(
            partial(_scale, one, ns, 2, by_subresource=by_subresource),
            partial(_scale, two, ns, 2, by_subresource=by_subresource),
        )
        assert any(answer.passed for answer in answers)
        assert history.replicas() == [4, 2]
        assert len(pair.admitted(name)) == 1
        _scale(one, ns, 4).must_pass()
        for login in (one, two):
            _scale(login, ns, 2).must_be_refused("was used already")


def test_somebody_who_scales_back_up_in_between_gives_no_second_use(pair: Cluster) -> None:
    ns = pair.namespace()
    _deployment(pair, ns)
    for _ in range(_ROUNDS):
        name = pair.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
        history = _History(pair, ns)
        requests = [partial(_scale, login, ns, 2) for login in _at_both(pair, "agent") * 4]
        with _Upscaler(pair, ns) as upscaler:
            answers = _at_once(*requests)
            # Before he has scaled up again there is nothing to ask for.
            await_true(lambda: pair.replicas(ns) == 4, "it was scaled up again")
            _scale(pair.login("agent"), ns, 2).must_be_refused("was used already")
        assert any(answer.passed for answer in answers)
        assert upscaler.seen == {200}
        assert history.replicas() == [4, 2, 4]
        assert len(pair.admitted(name)) == 1


def test_a_burst_of_equal_requests_is_one_use(pair: Cluster) -> None:
    ns = pair.namespace()
    _deployment(pair, ns)
    name = pair.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    history = _History(pair, ns)
    requests = [partial(_scale, login, ns, 2) for login in _at_both(pair, "agent") * 10]
    answers = _at_once(*requests)
    # Whoever comes after the change asks for nothing any more: his request is a no-op, not a use.
    assert [answer.status for answer in answers] == [200] * 20
    assert history.replicas() == [4, 2]
    assert len(pair.admitted(name)) == 1


def test_of_two_proposals_for_one_object_only_the_first_finds_the_world_that_was_signed(pair: Cluster) -> None:
    ns = pair.namespace()
    _deployment(pair, ns)
    one, two = _at_both(pair, "agent")
    for _ in range(_ROUNDS):
        for replicas in (3, 2):
            pair.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(replicas))
        history = _History(pair, ns)
        answers = _at_once(lambda: _scale(one, ns, 3), lambda: _scale(two, ns, 2))
        went = history.replicas()
        # From two to three is up again, and needs no signature.
        assert went in ([4, 3], [4, 2], [4, 2, 3])
        assert [answer.passed for answer in answers] == [went[-1] == 3, went[1] == 2]
        _scale(one, ns, 4).must_pass()


def test_two_proposals_for_one_change_are_two_uses_and_no_third(pair: Cluster) -> None:
    ns = pair.namespace()
    _deployment(pair, ns)
    names = [pair.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2)) for _ in range(2)]
    history = _History(pair, ns)
    one, two = _at_both(pair, "agent")

    def both_used() -> bool:
        _at_once(lambda: _scale(one, ns, 2), lambda: _scale(two, ns, 2))
        return [len(pair.admitted(name)) for name in names] == [1, 1]

    with _Upscaler(pair, ns):
        # How often somebody finds it scaled up is chance: as long as it takes for both, and a few times more.
        await_true(both_used, "both proposals were used")
        for _ in range(3):
            await_true(lambda: pair.replicas(ns) == 4, "it was scaled up again")
            _at_once(lambda: _scale(one, ns, 2), lambda: _scale(two, ns, 2))
        await_true(lambda: pair.replicas(ns) == 4, "it was scaled up again")
    assert history.replicas() == [4, 2, 4, 2, 4]
    assert [len(pair.admitted(name)) for name in names] == [1, 1]


def test_a_rejection_that_was_stored_before_the_claim_always_wins(pair: Cluster) -> None:
    """The order in which etcd stored both, told by their resource versions, is what decides."""
    ns = pair.namespace()
    _deployment(pair, ns)
    agent, bob = pair.login("agent"), pair.login("bob", _SERVERS[1])
    for number in range(8):
        name = pair.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
        word = signoff(f"{name}-no", ns, name, pair.digest(name, ns), "Reject")
        history = _History(pair, ns)
        use = partial(_scale_late, agent, ns, milliseconds=number % 4 * 6)
        used, rejected = _at_once(use, partial(bob.send, "POST", f"{_OURS}/{ns}/signoffs", word))
        claims = pair.admitted(name)
        rejected_at = int(rejected.must_pass()["metadata"]["resourceVersion"])
        if used.passed:
            assert [int(claim["metadata"]["resourceVersion"]) < rejected_at for claim in claims] == [True]
        else:
            used.must_be_refused("rejected by bob")
        assert history.replicas() == ([4, 2] if used.passed else [4])
        _scale(agent, ns, 4).must_pass()
        _scale(agent, ns, 2).must_be_refused()


def test_a_burst_of_one_denial_leaves_one_draft(pair: Cluster) -> None:
    ns, later = pair.namespace(), pair.namespace()
    for namespace in (ns, later):
        _deployment(pair, namespace)
    requests = [partial(_scale, login, ns, 2) for login in _at_both(pair, "agent") * 5]
    for answer in _at_once(*requests):
        answer.must_be_refused("needs a signed proposal")
    # Drafts are made one after the other: with one that was wished for later, those of the burst are behind us.
    for namespace in (ns, later):
        deny = partial(_scale, pair.login("agent"), namespace, 2)
        await_draft(pair, namespace, "checkout", deny)
    assert len(pair.items("rprop", "-n", ns)) == 1
    assert not [claim for claim in pair.items("admitted", "-n", SYSTEM) if claim["spec"]["proposal"]["namespace"] == ns]
