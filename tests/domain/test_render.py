"""Proposals as the gate completes them: bounds, what applies, and the one-line account of a change."""

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.errors import BadObject, Unrecognised
from cutline.domain.kind import KINDS, NODE, POD, kind_named, kind_of_resource
from cutline.domain.proposal import MAX_RENDERED_BYTES
from cutline.domain.render import (
    Parameters,
    action_of,
    headline_of,
    render,
    signed_change,
    summary_of,
    verify_applies,
    verify_bounds,
)
from cutline.domain.tree import ABSENT
from tests import builders as make
from tests import strategies as some

WORLD = make.make_world()


@given(some.worlds(some.ALL_GATED_KINDS), st.data())
def test_a_change_of_the_live_object_applies(world: Any, data: st.DataObject) -> None:
    change = data.draw(some.changes(world.live))
    replicas = change.field("/spec/replicas")
    # A workload arrives with its replicas: one that would have none is refused (below).
    if replicas is None or replicas.new is not ABSENT:
        verify_applies(change, world, "f")


@pytest.mark.parametrize(
    "change",
    [
        make.make_change(None, Field("/spec/replicas", 6, 3)),
        make.make_change(None, Field("/spec/replicas", 5, 5)),
        make.make_change(None, Field("/spec/replicas", ABSENT, 3)),
        make.make_change(None, Field("/spec/replicas", 5, ABSENT)),
        make.make_change(None, Field("/spec/replicas", 5, -1)),
        make.make_change(None, Field("/spec/replicas", 5, "3")),
        make.make_change(None, Field("/spec/replicas", 5, 3), Field("/spec/replicas", 5, 2)),
        make.make_change(None, Field("/spec/template/spec", {}, {"a": 1})),
        replace(make.make_change(), target=replace(WORLD.live.target, uid="another")),
        replace(make.make_change(), target=replace(WORLD.live.target, name="another")),
    ],
    ids=[
        "old value",
        "no change",
        "not absent",
        "no count",
        "less than none",
        "no number",
        "twice",
        "coarse",
        "uid",
        "name",
    ],
)
def test_a_change_of_another_state_is_refused(change: Change) -> None:
    with pytest.raises(BadObject) as refused:
        verify_applies(change, WORLD, "spec.changes[0].canonical")
    assert refused.value.field == "spec.changes[0].canonical"


def test_a_change_of_the_whole_object_is_refused() -> None:
    with pytest.raises(BadObject):
        verify_applies(make.make_change(None, Field("", ABSENT, {})), WORLD, "f")


# What a removal says about fields, or an update about an end, would be signed and printed nowhere.
@pytest.mark.parametrize(
    "change",
    [
        Change(make.make_live(POD).target, Verb.EVICT, (Field("/spec/x", ABSENT, 1),), End()),
        Change(make.make_live(POD).target, Verb.EVICT),
        Change(make.make_live(NODE).target, Verb.EVICT, end=End()),
        replace(make.make_change(make.make_live(POD), Field("/metadata/labels/a", ABSENT, "b")), end=End(5)),
    ],
    ids=["eviction with fields", "eviction without an end", "eviction of a node", "update with an end"],
)
def test_a_change_that_says_more_than_it_does_is_refused(change: Change) -> None:
    with pytest.raises(BadObject):
        verify_applies(change, make.make_world(make.make_live(change.target.kind_row)), "f")


def test_an_entry_says_what_the_gate_found() -> None:
    entry = signed_change(make.make_change(), WORLD, make.make_policies())
    assert entry.effects == {Effect.SCALE_DOWN}
    assert entry.baseline == {"replicas": "5"}
    assert entry.summary == "ScaleDown of deployment/web (shop): /spec/replicas 5 -> 3"


def test_what_needs_no_signature_is_no_proposal() -> None:
    forward = make.make_change(None, Field("/spec/paused", ABSENT, True))
    with pytest.raises(BadObject, match="just do it"):
        verify_bounds([make.make_signed_change(forward)], Action.SCALE_DOWN)
    with pytest.raises(BadObject, match="just do it"):
        verify_bounds([], Action.SCALE_DOWN)


def test_an_action_must_be_what_the_change_does() -> None:
    with pytest.raises(BadObject, match="which is ScaleDown") as refused:
        verify_bounds([make.make_signed_change()], Action.ROLLBACK)
    assert refused.value.field == "spec.action"
    verify_bounds([make.make_signed_change()], Action.SCALE_DOWN)


@pytest.mark.parametrize(("action", "fits"), [(Action.DRAIN, True), (Action.RESTART, True), (Action.DELETE, False)])
def test_a_pod_removal_is_part_of_a_drain_and_of_a_restart(action: Action, fits: bool) -> None:
    world = make.make_world(make.make_live(POD))
    entry = make.make_signed_change(make.make_change(world.live, verb=Verb.EVICT), world)
    if fits:
        verify_bounds([entry], action)
        return
    with pytest.raises(BadObject):
        verify_bounds([entry], action)


@pytest.mark.parametrize(("excess", "fits"), [(0, True), (1, False)])
def test_what_is_too_large_to_read_is_refused(excess: int, fits: bool) -> None:
    def entry(length: int) -> Any:
        change = make.make_change(None, Field("/spec/note", ABSENT, "x" * length), Field("/spec/replicas", 5, 3))
        return make.make_signed_change(change)

    length = MAX_RENDERED_BYTES - len(entry(0).change.canonical) + excess
    if fits:
        verify_bounds([entry(length)], Action.SCALE_DOWN)
        return
    with pytest.raises(BadObject, match="is 65537 bytes; people cannot judge more than 65536 at once"):
        verify_bounds([entry(length)], Action.SCALE_DOWN)


@pytest.mark.parametrize("action", [Action.CUT_TRAFFIC, Action.DISABLE_FEATURE, Action.DELETE, Action.LOOSENING])
def test_an_action_that_nobody_can_render_asks_for_the_command(action: Action) -> None:
    with pytest.raises(BadObject, match="propose -- <command>"):
        render(action, Parameters(), WORLD)


@pytest.mark.parametrize(
    ("effects", "action"),
    [
        ({Effect.SCALE_DOWN, Effect.ROLLBACK}, Action.ROLLBACK),
        ({Effect.POD_REMOVAL}, Action.RESTART),
        ({Effect.DRAIN, Effect.LOOSENING}, Action.LOOSENING),
        (set(), None),
    ],
)
def test_several_effects_are_proposed_under_the_weightiest(effects: set[Effect], action: Action | None) -> None:
    assert action_of(effects) is action


@given(some.worlds(some.ALL_GATED_KINDS), st.data())
def test_a_summary_is_one_visible_line(world: Any, data: st.DataObject) -> None:
    change = data.draw(some.changes(world.live))
    summary = summary_of(change, {Effect.SCALE_DOWN})
    assert not [c for c in summary if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")]
    assert len(summary) <= 1024
    assert str(change.target) in summary


@pytest.mark.parametrize(
    "value", ["a\nScaleDown of deployment/other", "\u202eabc", "\x1b[2J", "a\u200bb", ["\n"], 7, True]
)
def test_no_value_can_forge_a_second_line(value: Any) -> None:
    change = make.make_change(None, Field("/metadata/annotations/note", ABSENT, value))
    summary = summary_of(change, {Effect.ROLLBACK})
    assert summary.isprintable()
    assert summary.startswith("Rollback of deployment/web (shop): ")


def test_a_headline_names_what_the_change_does() -> None:
    assert headline_of(make.make_change(), {Effect.SCALE_DOWN}) == "ScaleDown of deployment/web (shop) 5 -> 3"
    removal = make.make_change(make.make_live(POD), verb=Verb.EVICT, end=End(5))
    assert headline_of(removal, {Effect.POD_REMOVAL}) == "PodRemoval of pod/web-1 (shop)"
    assert summary_of(removal, {Effect.POD_REMOVAL}) == "PodRemoval: evict pod/web-1 (shop) with 5s of grace"


# --- kinds


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_kind_is_found_by_its_resource_and_by_its_name(kind: Any) -> None:
    assert kind_of_resource(kind.group, kind.resource) is kind
    assert kind_named(kind.group, kind.kind) is kind


@pytest.mark.parametrize(("group", "name"), [("apps", "pods"), ("", "deployments"), ("apps", ""), ("", "secrets")])
def test_a_kind_that_nobody_taught_the_gate_is_unrecognised(group: str, name: str) -> None:
    with pytest.raises(Unrecognised):
        kind_of_resource(group, name)
    with pytest.raises(Unrecognised):
        kind_named(group, name)
