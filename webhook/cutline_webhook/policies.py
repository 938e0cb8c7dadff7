"""The policies as the webhook holds them: watched, parsed once a change, with their age."""

import time
from collections.abc import Callable

from cutline.api.policies import policies_of
from cutline.domain.policy import Policies
from cutline.kube.cache import WatchedCollection
from cutline.kube.client import KubeClient
from cutline.kube.resources import POLICIES, JsonObject

FRESH_SECONDS = 60.0  # older policies decide nothing


class PolicyStore:
    """What every decision asks for its policies."""

    def __init__(self, client: KubeClient, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic, in seconds."""
        self._parsed = Policies(is_fresh=False)
        self._clock = clock
        self._collection = WatchedCollection(client, POLICIES, on_change=self._parse)

    def _parse(self, trees: tuple[JsonObject, ...]) -> None:
        self._parsed = policies_of(trees, is_fresh=True)

    async def run(self) -> None:
        """Follow the policies until cancelled."""
        await self._collection.run()

    def age(self) -> float:
        """Seconds since the policies were last proved current."""
        return self._collection.age(self._clock())

    @property
    def is_synced(self) -> bool:
        return self._collection.synced

    def current(self) -> Policies:
        """The policies, with whether they are young enough to decide by."""
        return Policies(self._parsed.items, self._parsed.broken, is_fresh=self.age() < FRESH_SECONDS)
