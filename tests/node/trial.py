"""One disturbance under load, from calm to calm, with its one line and its verdict."""

import time
from collections.abc import Callable

from tests.e2e.cluster import Cluster
from tests.e2e.waiting import await_true
from tests.node.demands import Allowed, faults
from tests.node.lifelines import Replicas, Sampler
from tests.node.load import SteadyLoad
from tests.node.senders import all_senders, ungated_senders
from tests.node.shop import Shop
from tests.node.tally import Tally, tally

# What is done while the load runs; it can wait for the load to have seen it.
Disturbance = Callable[[SteadyLoad], None]
CALM_WITHIN_S = 60.0
RECOVERED_WITHIN_S = 120.0


class Trials:
    """Runs disturbances one after another on the same objects; `lines` are for the reader."""

    def __init__(self, cluster: Cluster, replicas: Replicas, wanted: int, lines: list[str]) -> None:
        """`wanted` is how many replicas there are in quiet times."""
        self._cluster, self._replicas, self._wanted, self._lines = cluster, replicas, wanted, lines
        self._shop: Shop | None = None

    @property
    def shop(self) -> Shop:
        """The objects; new ones after a trial that has damaged them."""
        if self._shop is None:
            self._shop = Shop.open(self._cluster)
        return self._shop

    def close(self) -> None:
        self.shop.close()

    def run(self, name: str, disturb: Disturbance, allowed: Allowed | None = None, wanted: int | None = None) -> Tally:
        """Disturb a load, await that it is as before, and fail with all that must not have been.

        Afterwards there are to be `wanted` replicas, by default as many as in quiet times.
        """
        measured, problems = self.measure(name, disturb, allowed or Allowed(), wanted=wanted)
        assert not problems, "\n".join([measured.line(name), *problems])
        return measured

    def run_ungated(self, name: str, disturb: Disturbance, wanted: int) -> Tally:
        """The same without what is gated or signed, for where a gate comes or goes."""
        measured, problems = self.measure(name, disturb, Allowed(), gated=False, wanted=wanted)
        assert not problems, "\n".join([measured.line(name), *problems])
        return measured

    def measure(
        self, name: str, disturb: Disturbance, allowed: Allowed, *, gated: bool = True, wanted: int | None = None
    ) -> tuple[Tally, list[str]]:
        """Disturb a load and count; the caller judges."""
        shop, replicas = self.shop, self._wanted if wanted is None else wanted
        noted = shop.note(sign=gated)
        senders = all_senders(shop) if gated else ungated_senders(shop)
        load = SteadyLoad(senders, self._cluster.testbed.kubeconfig)
        with Sampler(self._replicas).running() as sampler, load:
            load.await_calm("before", CALM_WITHIN_S)
            began = time.monotonic()
            disturb(load)
            done = time.monotonic()
            load.await_calm("afterwards", RECOVERED_WITHIN_S)
            await_true(lambda: sampler.is_whole(replicas), f"{replicas} replicas were alive", RECOVERED_WITHIN_S)
        lifeline = sampler.lifeline()
        if allowed.failover and not allowed.down:
            lifeline = lifeline.struck(done)
        measured = tally(load.sent, lifeline, shop.losses(noted), began)
        self._lines.append(measured.line(name))
        print(self._lines[-1])
        problems = faults(measured, load.sent, allowed)
        self._shop = None if measured.gated_admitted else shop
        return measured, problems
