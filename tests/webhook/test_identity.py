"""What the webhook serves with: followed while it runs, and kept when there is nothing better."""

import asyncio
import base64
from typing import Any, cast

from cutline.kube.client import KubeClient
from cutline.kube.errors import KubeError, NotFound, Unavailable
from cutline_webhook.identity import ServingIdentity
from cutline_webhook.metrics import Metrics
from cutline_webhook.policies import PolicyStore
from cutline_webhook.readiness import Readiness
from cutline_webhook.tls import serving_context
from tests.webhook.certificates import Authority, Pair

PATH = "0123456789abcdef" * 2
STALE = "the certificate's Secret was not read for a minute"


class Secrets:
    """A client that answers with this, or raises it."""

    clock_skew = 0.0

    def __init__(self, answer: dict[str, Any] | KubeError) -> None:
        self.answer = answer

    async def get(self, *_: object) -> dict[str, Any]:
        if isinstance(self.answer, KubeError):
            raise self.answer
        return self.answer


def secret(pair: Pair) -> dict[str, Any]:
    data = {"tls.crt": pair.certificate, "tls.key": pair.key, "path": PATH.encode()}
    return {"data": {key: base64.b64encode(value).decode() for key, value in data.items()}}


def followed(client: Secrets, identity: ServingIdentity) -> None:
    """One look at the Secret, as at the start of a process."""

    async def scenario() -> None:
        task = asyncio.create_task(identity.run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())


def identity_of(client: Secrets) -> ServingIdentity:
    return ServingIdentity(cast("KubeClient", client), "cutline-system", serving_context(), Metrics())


def unready(client: Secrets, identity: ServingIdentity) -> list[str]:
    kube = cast("KubeClient", client)
    return list(Readiness(kube, identity, PolicyStore(kube), lambda: False).unready())


def test_what_was_read_is_fresh() -> None:
    client = Secrets(secret(Authority("ours").issue("gate")))
    identity = identity_of(client)
    assert identity.age() == float("inf")
    assert STALE in unready(client, identity)
    followed(client, identity)
    assert (identity.is_complete, identity.path) == (True, PATH)
    assert STALE not in unready(client, identity)


def test_a_secret_that_is_gone_or_damaged_leaves_what_is_served_and_is_no_reason_to_go() -> None:
    for answer in (NotFound(404, "NotFound", "gone"), {"data": {"tls.crt": "!", "tls.key": "", "path": ""}}):
        client = Secrets(secret(Authority("ours").issue("gate")))
        identity = identity_of(client)
        followed(client, identity)
        client.answer = answer
        identity._read_at = float("-inf")
        followed(client, identity)
        assert identity.is_complete
        assert STALE not in unready(client, identity)


def test_a_secret_of_a_shape_that_nobody_thought_of_does_not_end_the_watch_over_it() -> None:
    async def scenario() -> None:
        identity = identity_of(Secrets({"data": ["odd"]}))
        following = asyncio.create_task(identity.run())
        assert await asyncio.wait({following}, timeout=0.05) == (set(), {following})
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    asyncio.run(scenario())


def test_who_cannot_ask_what_to_serve_is_not_ready() -> None:
    client = Secrets(Unavailable(503, "Unavailable", "nobody there"))
    identity = identity_of(client)
    followed(client, identity)
    assert STALE in unready(client, identity)
