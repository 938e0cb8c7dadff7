"""Drain: a node is marked so that its pods must leave, or is taken away."""

from typing import Any

import pytest

from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.effects import effects_of
from cutline.domain.errors import BadObject
from cutline.domain.kind import DEPLOYMENT, NODE, POD
from cutline.domain.live import Live, live_of
from cutline.domain.policy import Policies
from cutline.domain.render import Parameters, render
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import wire

NO_EXECUTE = {"key": "maintenance", "effect": "NoExecute"}
NO_SCHEDULE = {"key": "maintenance", "effect": "NoSchedule"}


def is_drain(before: dict[str, Any], after: dict[str, Any]) -> bool:
    change, live = make.update(NODE, wire.make_node(**before), wire.make_node(**after))
    return Effect.DRAIN in effects_of(change, make.make_world(live), Policies())


@pytest.mark.parametrize("before", [{}, {"unschedulable": False}, {"unschedulable": None}])
def test_a_cordon_is_one(before: dict[str, Any]) -> None:
    assert is_drain(before, {"unschedulable": True})


@pytest.mark.parametrize("after", [{}, {"unschedulable": False}, {"unschedulable": True, "podCIDR": "10.0.0.0/24"}])
def test_an_uncordon_or_a_cordon_that_stood_already_is_none(after: dict[str, Any]) -> None:
    assert not is_drain({"unschedulable": True}, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [NO_EXECUTE]),
        ([NO_SCHEDULE], [NO_EXECUTE]),
        ([NO_EXECUTE], [NO_EXECUTE, {**NO_EXECUTE, "key": "more"}]),
        ([NO_EXECUTE], [{**NO_EXECUTE, "value": "now"}]),
    ],
)
def test_a_taint_that_evicts_is_one(before: list[Any], after: list[Any]) -> None:
    assert is_drain({"taints": before}, {"taints": after})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [NO_SCHEDULE]),
        ([], [{"key": "x", "effect": "PreferNoSchedule"}]),
        ([NO_EXECUTE], []),
        ([NO_EXECUTE], [NO_SCHEDULE, NO_EXECUTE]),
        ([NO_EXECUTE], [NO_SCHEDULE]),
    ],
)
def test_a_taint_that_evicts_nobody_anew_is_none(before: list[Any], after: list[Any]) -> None:
    assert not is_drain({"taints": before}, {"taints": after})


def node_that_is(ready: str, *others: dict[str, str]) -> dict[str, Any]:
    """A node with what its status says; nothing of `Ready` where that is empty."""
    conditions = [*others, *([{"type": "Ready", "status": ready}] if ready else [])]
    return {**wire.make_node(), "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        ("True", "False", True),
        ("True", "Unknown", True),
        ("True", "", True),
        ("True", "True", False),
        ("False", "True", False),
        ("False", "Unknown", False),
        ("", "True", False),
        ("", "False", False),
    ],
)
def test_a_node_that_is_reported_lost_is_one(before: str, after: str, is_one: bool) -> None:
    pressed = {"type": "MemoryPressure", "status": "True"}
    change, live = make.update(NODE, node_that_is(before), node_that_is(after, pressed))
    assert (Effect.DRAIN in effects_of(change, make.make_world(live), Policies())) is is_one


@pytest.mark.parametrize("first", ["True", "False"])
def test_one_of_two_reports_that_says_lost_is_enough(first: str) -> None:
    other = {"type": "Ready", "status": first}
    change, live = make.update(NODE, node_that_is("True"), node_that_is("True" if first == "False" else "False", other))
    assert Effect.DRAIN in effects_of(change, make.make_world(live), Policies())


def test_deleting_the_node_is_one() -> None:
    world = make.make_world(make.make_live(NODE))
    assert effects_of(make.make_change(world.live, verb=Verb.DELETE), world, Policies()) == {Effect.DRAIN}


def test_handing_the_node_to_the_garbage_collector_is_one() -> None:
    tree = wire.make_node()
    owned = {**tree, "metadata": {**tree["metadata"], "ownerReferences": [{"uid": "gone"}]}}
    change, live = make.update(NODE, tree, owned)
    assert effects_of(change, make.make_world(live), Policies()) == {Effect.DRAIN}


def test_a_field_called_unschedulable_elsewhere_is_none() -> None:
    change, live = make.update(DEPLOYMENT, wire.make_workload(), wire.make_workload(unschedulable=True))
    assert Effect.DRAIN not in effects_of(change, make.make_world(live), Policies())


def test_labels_of_a_node_drain_nobody() -> None:
    tree = wire.make_node()
    relabelled = {**tree, "metadata": {**tree["metadata"], "labels": {"zone": "b"}}}
    change, live = make.update(NODE, tree, relabelled)
    assert effects_of(change, make.make_world(live), Policies()) == frozenset()


# --- written by hand


def pod(name: str, **fields: Any) -> Live:
    return live_of(POD, wire.make_pod(name, **fields))


def rendered(pods: tuple[Live, ...], **spec: Any) -> tuple[Change, ...]:
    world = make.make_world(make.make_live(NODE, wire.make_node(**spec)), pods=pods)
    return render(Action.DRAIN, Parameters(), world)


def test_by_hand_it_is_a_cordon_and_an_eviction_of_each_pod_in_order() -> None:
    cordon, *removals = rendered((pod("web-2"), pod("web-1")))
    assert cordon.fields == (Field("/spec/unschedulable", ABSENT, True),)
    assert [(one.verb, one.target.name, one.end) for one in removals] == [
        (Verb.EVICT, "web-1", End()),
        (Verb.EVICT, "web-2", End()),
    ]


def test_the_rendered_cordon_is_what_kubectl_cordon_does() -> None:
    change, _ = make.update(NODE, wire.make_node(), wire.make_node(unschedulable=True))
    assert rendered(()) == (change,)


def test_a_node_that_is_cordoned_already_is_not_cordoned_again() -> None:
    assert [one.verb for one in rendered((pod("web-1"),), unschedulable=True)] == [Verb.EVICT]


def test_what_a_drain_leaves_alone_is_not_in_it() -> None:
    mirror = wire.make_pod("static")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    ending = wire.make_pod("ending")
    ending["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    stays = (
        pod("agent", owner="DaemonSet"),
        pod("done", phase="Succeeded"),
        pod("unbound", node=""),
        live_of(POD, mirror),
        live_of(POD, ending),
    )
    assert len(rendered(stays)) == 1


def test_a_pod_that_a_daemon_set_merely_owns_is_moved() -> None:
    tree = wire.make_pod("web-1", owner="DaemonSet")
    tree["metadata"]["ownerReferences"][0]["controller"] = False
    assert len(rendered((live_of(POD, tree),))) == 2


def test_nothing_but_a_node_can_be_drained() -> None:
    with pytest.raises(BadObject, match="only a Node"):
        render(Action.DRAIN, Parameters(), make.make_world())
