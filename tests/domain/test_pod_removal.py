"""PodRemoval: a bound pod is evicted or deleted, no harsher than signed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.actions.pod_removal import why_harsher_than_signed, why_harsher_than_used
from cutline.domain.change import Change, End, Verb
from cutline.domain.covering import uncovered
from cutline.domain.effect import Action, Effect, gating_actions
from cutline.domain.effects import effects_of
from cutline.domain.errors import BadObject
from cutline.domain.kind import DEPLOYMENT, NODE, POD
from cutline.domain.live import World
from cutline.domain.narrowing import UNNARROWED, Narrowing
from cutline.domain.policy import Policies
from cutline.domain.render import Parameters, render
from tests import builders as make
from tests import wire

EVICT, DELETE = Verb.EVICT, Verb.DELETE


def world_of(**pod: Any) -> World:
    return make.make_world(make.make_live(POD, wire.make_pod(**pod)))


def removal(verb: Verb, grace: int | None = None, world: World | None = None) -> Change:
    return make.make_change((world or world_of()).live, verb=verb, end=End(grace))


@pytest.mark.parametrize("verb", [EVICT, DELETE])
@pytest.mark.parametrize(
    ("pod", "is_one"),
    [
        ({"phase": "Running"}, True),
        ({"phase": "Pending"}, True),
        ({"phase": "Unknown"}, True),
        ({"phase": ""}, True),
        ({"phase": "Succeeded"}, False),
        ({"phase": "Failed"}, False),
        ({"node": ""}, False),
    ],
)
def test_the_end_of_a_pod_that_a_node_runs_or_will_run_is_one(verb: Verb, pod: dict[str, Any], is_one: bool) -> None:
    world = world_of(**pod)
    assert (Effect.POD_REMOVAL in effects_of(removal(verb, world=world), world, Policies())) is is_one


def test_the_pods_of_daemon_sets_and_terminating_pods_are_gated_too() -> None:
    world = world_of(owner="DaemonSet")
    assert effects_of(removal(DELETE, 0, world), world, Policies()) == {Effect.POD_REMOVAL}
    tree = wire.make_pod()
    tree["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    world = make.make_world(make.make_live(POD, tree))
    assert effects_of(removal(DELETE, 0, world), world, Policies()) == {Effect.POD_REMOVAL}


@pytest.mark.parametrize("verb", [EVICT, DELETE])
@pytest.mark.parametrize(
    ("grace", "is_one"), [(None, False), (30, False), (10, False), (9, True), (0, True), (-1, True)]
)
def test_a_pod_that_goes_anyway_can_only_be_made_to_go_sooner(verb: Verb, grace: int | None, is_one: bool) -> None:
    tree = wire.make_pod()
    tree["metadata"] |= {"deletionTimestamp": "2026-03-01T12:00:00Z", "deletionGracePeriodSeconds": 10}
    world = make.make_world(make.make_live(POD, tree))
    assert (Effect.POD_REMOVAL in effects_of(removal(verb, grace, world), world, Policies())) is is_one


OWNED = [{"kind": "ReplicaSet", "name": "gone", "uid": "gone", "controller": True}]


@pytest.mark.parametrize(
    ("part", "value", "is_one"),
    [
        ("ownerReferences", OWNED, True),
        ("labels", {"app": "web"}, True),
        ("labels", {"app": "web", "tier": "other"}, True),
        ("labels", {}, True),
        ("labels", {**wire.LABELS, "more": "x"}, False),
        ("annotations", {"more": "x"}, False),
        ("finalizers", ["x/y"], False),
    ],
)
def test_a_pod_handed_to_a_controller_that_will_remove_it_is_one(part: str, value: Any, is_one: bool) -> None:
    tree = wire.make_pod(owner="ReplicaSet")
    change, live = make.update(POD, tree, {**tree, "metadata": {**tree["metadata"], part: value}})
    effects = effects_of(change, make.make_world(live), Policies())
    assert (Effect.POD_REMOVAL in effects) is is_one
    unbound = make.make_world(make.make_live(POD, wire.make_pod(node="")))
    assert Effect.POD_REMOVAL not in effects_of(change, unbound, Policies())


label_maps = st.dictionaries(st.sampled_from(["app", "tier", "pod-template-hash"]), st.sampled_from(["a", "b"]))


@given(label_maps, label_maps)
def test_any_other_labels_of_a_pod_that_is_nobodys_are_one(before: dict[str, str], after: dict[str, str]) -> None:
    """Some controller adopts it by them, and then has one too many."""
    change, live = make.update(POD, wire.make_pod(labels=before), wire.make_pod(labels=after))
    effects = effects_of(change, make.make_world(live), Policies())
    assert (Effect.POD_REMOVAL in effects) is (before != after)
    unbound = make.make_world(make.make_live(POD, wire.make_pod(labels=before, node="")))
    assert Effect.POD_REMOVAL not in effects_of(change, unbound, Policies())


@given(label_maps, label_maps)
def test_a_pod_with_a_controller_may_be_given_more_labels(before: dict[str, str], more: dict[str, str]) -> None:
    old = wire.make_pod(labels=before, owner="ReplicaSet")
    new = wire.make_pod(labels={**more, **before}, owner="ReplicaSet")
    change, live = make.update(POD, old, new)
    assert effects_of(change, make.make_world(live), Policies()) == frozenset()


def test_an_owner_that_is_no_controller_keeps_no_other_from_adopting_a_pod() -> None:
    old, new = wire.make_pod(labels={}), wire.make_pod(labels={"app": "web"})
    for tree in (old, new):
        tree["metadata"]["ownerReferences"] = [{"kind": "ConfigMap", "name": "o", "uid": "o"}]
    change, live = make.update(POD, old, new)
    assert effects_of(change, make.make_world(live), Policies()) == {Effect.POD_REMOVAL}


@pytest.mark.parametrize(("part", "value"), [("annotations", {"more": "x"}), ("finalizers", ["x/y"])])
def test_what_else_is_noted_on_a_pod_that_is_nobodys_is_none(part: str, value: Any) -> None:
    tree = wire.make_pod()
    change, live = make.update(POD, tree, {**tree, "metadata": {**tree["metadata"], part: value}})
    assert effects_of(change, make.make_world(live), Policies()) == frozenset()


def test_a_deadline_for_a_pod_is_one() -> None:
    change, live = make.update(POD, wire.make_pod(), wire.make_pod(activeDeadlineSeconds=1))
    assert effects_of(change, make.make_world(live), Policies()) == {Effect.POD_REMOVAL}


def toleration(key: str = "", seconds: int | None = None) -> dict[str, Any]:
    named = {"key": key} if key else {}
    limited = {} if seconds is None else {"tolerationSeconds": seconds}
    return {**named, "operator": "Exists", "effect": "NoExecute", **limited}


STAYS, GIVEN = toleration("maintenance"), toleration("not-ready", 300)


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        ([STAYS, GIVEN], [toleration("maintenance", 0), STAYS, GIVEN], True),
        ([STAYS, GIVEN], [STAYS, toleration("", 5), GIVEN], True),
        ([STAYS, GIVEN], [GIVEN, STAYS], True),
        ([STAYS, GIVEN], [STAYS, toleration("not-ready", 0)], True),
        ([STAYS, GIVEN], [toleration("maintenance", 1), GIVEN], True),
        ([STAYS, GIVEN], [STAYS], True),
        ([STAYS, GIVEN], [STAYS, GIVEN, toleration("", 5)], False),
        ([STAYS, GIVEN], [toleration(), STAYS, GIVEN], False),
        ([], [toleration("", 5)], False),
    ],
)
def test_a_time_limit_put_before_other_tolerations_is_one(before: list[Any], after: list[Any], is_one: bool) -> None:
    change, live = make.update(POD, wire.make_pod(tolerations=before), wire.make_pod(tolerations=after))
    assert (Effect.POD_REMOVAL in effects_of(change, make.make_world(live), Policies())) is is_one


@pytest.mark.parametrize(
    ("before", "after", "is_one"),
    [
        ("Running", "Failed", True),
        ("Running", "Succeeded", True),
        ("Pending", "Failed", True),
        ("Pending", "Running", False),
        ("Running", "Unknown", False),
        ("Failed", "Succeeded", False),
        ("Failed", "Running", False),
    ],
)
def test_the_report_that_a_pod_has_ended_is_one(before: str, after: str, is_one: bool) -> None:
    old, new = wire.make_pod(phase=before), wire.make_pod(phase=after)
    change, live = make.update(POD, old, new)
    assert (Effect.POD_REMOVAL in effects_of(change, make.make_world(live), Policies())) is is_one
    unbound = make.make_world(make.make_live(POD, wire.make_pod(node="", phase=before)))
    assert Effect.POD_REMOVAL not in effects_of(change, unbound, Policies())


def test_what_else_the_status_of_a_pod_says_is_no_change() -> None:
    old, new = wire.make_pod(), wire.make_pod()
    new["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    assert make.update(POD, old, new)[0].fields == ()


@pytest.mark.parametrize("kind", [DEPLOYMENT, NODE])
def test_the_end_of_anything_else_is_none(kind: Any) -> None:
    world = make.make_world(make.make_live(kind))
    assert Effect.POD_REMOVAL not in effects_of(make.make_change(world.live, verb=DELETE), world, Policies())


def test_drain_and_restart_both_gate_it() -> None:
    assert gating_actions(Effect.POD_REMOVAL) == {Action.DRAIN, Action.RESTART}


@pytest.mark.parametrize(
    ("signed", "requested", "harsher"),
    [
        ((EVICT, None), (EVICT, None), False),
        ((EVICT, None), (EVICT, 30), False),
        ((EVICT, None), (EVICT, 31), False),
        ((EVICT, None), (EVICT, 29), True),
        ((EVICT, None), (EVICT, 0), True),
        ((EVICT, 0), (EVICT, 0), False),
        ((EVICT, 0), (EVICT, None), False),
        ((EVICT, 60), (EVICT, None), True),
        ((EVICT, 10), (EVICT, 10), False),
        ((EVICT, None), (DELETE, None), True),
        ((DELETE, None), (EVICT, None), False),
        ((DELETE, None), (DELETE, None), False),
        ((DELETE, 10), (DELETE, 5), True),
        ((DELETE, 0), (EVICT, 0), False),
    ],
)
def test_what_is_harsher(signed: tuple[Verb, int | None], requested: tuple[Verb, int | None], harsher: bool) -> None:
    assert bool(why_harsher_than_signed(removal(*requested), removal(*signed), 30)) is harsher
    assert bool(why_harsher_than_used(removal(*requested), removal(*signed), 30)) is harsher
    found = uncovered(removal(*signed), removal(*requested), {Effect.POD_REMOVAL}, UNNARROWED, world_of())
    assert bool(list(found)) is harsher


def test_the_grace_that_nobody_names_is_that_of_the_pod() -> None:
    patient = world_of(terminationGracePeriodSeconds=300)
    signed, requested = removal(EVICT, None, patient), removal(EVICT, 60, patient)
    assert list(uncovered(signed, requested, {Effect.POD_REMOVAL}, UNNARROWED, patient)) == [
        "300s of grace were signed, not 60s"
    ]
    hasty = world_of(terminationGracePeriodSeconds=0)
    assert list(uncovered(removal(EVICT, 0, hasty), removal(EVICT, None, hasty), set(), UNNARROWED, hasty)) == []


@pytest.mark.parametrize(
    ("pods", "allowed"),
    [(None, True), (frozenset({"shop/web-1"}), True), (frozenset({"web-1"}), False), (frozenset(), False)],
)
def test_a_pod_that_the_signers_took_out_is_not_covered(pods: frozenset[str] | None, allowed: bool) -> None:
    found = uncovered(removal(EVICT), removal(EVICT), {Effect.POD_REMOVAL}, Narrowing(pods=pods), world_of())
    assert (list(found) == []) is allowed


def test_a_pod_of_the_same_name_made_again_is_another() -> None:
    again = world_of(uid="made-again")
    (text,) = uncovered(removal(EVICT), removal(EVICT, world=again), {Effect.POD_REMOVAL}, UNNARROWED, again)
    assert "web-1-uid" in text


def test_an_update_that_was_signed_is_no_removal() -> None:
    world = world_of()
    signed = make.make_change(world.live)
    assert list(uncovered(signed, removal(EVICT), {Effect.POD_REMOVAL}, UNNARROWED, world))


def test_a_removal_that_was_signed_is_no_update() -> None:
    world = world_of()
    found = uncovered(removal(EVICT), make.make_change(world.live), {Effect.LOOSENING}, UNNARROWED, world)
    assert list(found)


def test_a_restart_by_hand_is_the_delete_of_the_pod() -> None:
    world = world_of()
    (change,) = render(Action.RESTART, Parameters(), world)
    assert change == Change(world.live.target, DELETE, end=End(propagation="Background"))


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (world_of(node=""), "spec.target: pod/web-1 (shop) is not running; removing it needs no signature"),
        (world_of(phase="Succeeded"), "spec.target: pod/web-1 (shop) is not running; removing it needs no signature"),
        (
            make.make_world(),
            "spec.target.kind: only a Pod can be restarted, not a Deployment: name one of its pods",
        ),
    ],
)
def test_nothing_but_a_running_pod_can_be_restarted_by_hand(world: World, told: str) -> None:
    with pytest.raises(BadObject) as refused:
        render(Action.RESTART, Parameters(), world)
    assert str(refused.value) == told
