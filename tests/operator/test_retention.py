"""How long what is over stays: never less than it weighs."""

import asyncio
from datetime import timedelta

from cutline.api.settings import load_settings
from cutline.domain.duration import MAX_DECIDE_WITHIN, MAX_VALID_FOR
from cutline_operator.events import EventRecorder
from cutline_operator.index import Index, Key, Kind, Topic
from cutline_operator.metrics import Metrics
from cutline_operator.worker import Worker
from tests import builders as make
from tests.api.cluster_in_memory import ClusterInMemory
from tests.api.test_fields_and_settings import settings_text
from tests.operator.test_index_and_sweep import admitted_tree

USED = Key(Topic.ADMITTED_CHANGE, "claim")
CREATED = make.ago(minutes=1)  # of what `admitted_tree` gives


def worker_of(world: ClusterInMemory, admitted_changes: str) -> Worker:
    retention = {"finishedProposals": "1h", "admittedChanges": admitted_changes}
    settings = load_settings(settings_text(retention=retention))
    index = Index()
    tree = admitted_tree("Settled")
    index.put(Kind.ADMITTED_CHANGE, world.add("admittedchanges", tree))
    client = world.client()
    return Worker(client, settings, index, EventRecorder(client, world.clock), Metrics(), world.clock)


def test_a_record_is_not_deleted_while_the_webhook_would_refuse_that() -> None:
    world = ClusterInMemory()
    worker = worker_of(world, "1h")
    weighs_until = CREATED + MAX_DECIDE_WITHIN + MAX_VALID_FOR
    world.now = weighs_until
    again = asyncio.run(worker.do(USED))
    assert again is not None
    assert again > weighs_until
    assert "DELETE admittedchanges" not in world.asked
    world.now = again
    assert asyncio.run(worker.do(USED)) is None
    assert "DELETE admittedchanges" in world.asked


def test_it_stays_for_as_long_as_the_installation_keeps_records() -> None:
    world = ClusterInMemory()
    assert asyncio.run(worker_of(world, "2160h").do(USED)) == CREATED + timedelta(days=90)
