"""The client and the watched collection against a real API server."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cutline.kube import errors
from cutline.kube.cache import WatchedCollection
from cutline.kube.client import KubeClient, PatchKind
from cutline.kube.resources import CONFIGMAPS, NAMESPACES, SELF_SUBJECT_REVIEWS, SUBJECT_ACCESS_REVIEWS
from cutline.kube.watch import WatchEventKind
from tests.awaiting import until

pytestmark = pytest.mark.e2e


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


@asynccontextmanager
async def in_own_namespace(kubeconfig: Path) -> AsyncIterator[tuple[KubeClient, str]]:
    namespace = f"kube-client-{uuid.uuid4().hex[:8]}"
    async with await KubeClient.connect(kubeconfig, user_agent="cutline-test", timeout=10) as client:
        await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        try:
            yield client, namespace
        finally:
            await client.delete(NAMESPACES, namespace)


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_an_object_lives_through_every_verb(bare_admin_kubeconfig: Path) -> None:
    async def scenario() -> None:
        async with in_own_namespace(bare_admin_kubeconfig) as (client, namespace):
            await client.create(CONFIGMAPS, config_map("a"), namespace, dry_run=True)
            with pytest.raises(errors.NotFound):
                await client.get(CONFIGMAPS, "a", namespace)
            created = await client.create(CONFIGMAPS, config_map("a", x="1"), namespace)
            with pytest.raises(errors.AlreadyExists):
                await client.create(CONFIGMAPS, config_map("a"), namespace)
            await client.patch(CONFIGMAPS, "a", {"data": {"y": "2"}}, namespace, kind=PatchKind.MERGE)
            with pytest.raises(errors.Conflict):
                await client.replace(CONFIGMAPS, "a", created, namespace)
            with pytest.raises(errors.Conflict):
                await client.delete(CONFIGMAPS, "a", namespace, uid=str(uuid.uuid4()))
            patched = await client.patch(CONFIGMAPS, "a", {"data": {"x": "3"}}, namespace, kind=PatchKind.MERGE)
            assert patched["data"] == {"x": "3", "y": "2"}
            with pytest.raises(errors.Invalid):
                await client.create(CONFIGMAPS, config_map("Not_A_Name"), namespace)
            await client.delete(CONFIGMAPS, "a", namespace, uid=created["metadata"]["uid"])

    run(scenario())


def test_lists_page_and_watches_follow(bare_admin_kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutline.kube.client._PAGE_SIZE", 3)

    async def scenario() -> None:
        async with in_own_namespace(bare_admin_kubeconfig) as (client, namespace):
            for number in range(8):
                await client.create(CONFIGMAPS, config_map(f"c{number}"), namespace)
            listing = await client.listing(CONFIGMAPS, namespace)
            listed = [item["metadata"]["name"] for item in listing.items]
            assert [name for name in listed if name.startswith("c")] == [f"c{number}" for number in range(8)]
            assert {item["kind"] for item in listing.items} == {"ConfigMap"}
            watch = client.watch(CONFIGMAPS, namespace=namespace, resource_version=listing.resource_version)
            async with aclosing(watch) as events:
                await client.delete(CONFIGMAPS, "c3", namespace)
                # The controller manager, if there is one, adds a ConfigMap of its own.
                async for event in events:
                    if event.kind is WatchEventKind.DELETED:
                        assert event.object["metadata"]["name"] == "c3"
                        break

    run(scenario())


def test_a_collection_follows_and_stays_young(bare_admin_kubeconfig: Path) -> None:
    async def scenario() -> None:
        async with in_own_namespace(bare_admin_kubeconfig) as (client, namespace):
            changed = asyncio.Event()
            collection = WatchedCollection(
                client, CONFIGMAPS, namespace, on_change=lambda _: changed.set(), silence_seconds=0.2
            )
            task = asyncio.create_task(collection.run())
            await changed.wait()
            await client.create(CONFIGMAPS, config_map("new"), namespace)
            while "new" not in [item["metadata"]["name"] for item in collection.items]:
                changed.clear()
                await changed.wait()
            proved: set[float] = set()

            def proved_three_times_more() -> bool:
                proved.add(-collection.age(0.0))  # when, by its clock
                return len(proved) > 3

            await until(proved_three_times_more)
            task.cancel()

    run(scenario())


def test_who_we_are_and_what_others_may(bare_admin_kubeconfig: Path) -> None:
    async def scenario() -> None:
        async with await KubeClient.connect(bare_admin_kubeconfig, user_agent="t", timeout=10) as client:
            myself = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
            answer = await client.create(SELF_SUBJECT_REVIEWS, myself)
            assert answer["status"]["userInfo"]["username"]
            attributes = {"group": "cutline.dev", "resource": "actions", "verb": "approve", "name": "Rollback"}
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {"user": "nobody-in-particular", "resourceAttributes": attributes},
            }
            assert (await client.create(SUBJECT_ACCESS_REVIEWS, review))["status"]["allowed"] is False
            skew = client.clock_skew
            assert skew is not None
            assert abs(skew) < 1
            assert (await client.raw("GET", "/readyz")).body == b"ok"

    run(scenario())
