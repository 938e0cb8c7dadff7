"""Drift: what people are told beforehand is what the gate finds."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change, End, Verb
from cutline.domain.decide import decide
from cutline.domain.difference import Field, apply
from cutline.domain.drift import drift_of
from cutline.domain.effect import Effect
from cutline.domain.errors import MissingFact
from cutline.domain.kind import DEFINITION, DEPLOYMENT, NODE, POD, POLICY, Kind
from cutline.domain.live import World, live_of
from cutline.domain.proposal import SignedChange
from cutline.domain.snapshot import Snapshot
from cutline.domain.tree import ABSENT, lookup, same
from cutline.domain.verdict import Conclusion
from tests import builders as make
from tests import strategies as some
from tests import wire

CORDON = Field("/spec/unschedulable", ABSENT, True)


def signed(world: World, *fields: Field, verb: Verb = Verb.UPDATE) -> SignedChange:
    """A change of the world's target as the gate stores it."""
    return make.make_signed_change(make.make_change(world.live, *fields, verb=verb), world)


def with_values(world: World, *fields: Field) -> World:
    """The world in which these fields have their new values."""
    return replace(world, live=replace(world.live, content=apply(world.live.content, fields)))


def world_of(kind: Kind, **spec: Any) -> World:
    return make.make_world(make.make_live(kind, {**make.make_live(kind).tree, "spec": spec} if spec else None))


def test_an_untouched_target_has_not_drifted() -> None:
    assert drift_of(signed(make.make_world()), make.make_world()) == ()


def test_what_is_gone_or_was_made_again_has() -> None:
    world = make.make_world()
    again = replace(world, live=replace(world.live, target=replace(world.live.target, uid="made-again")))
    assert drift_of(signed(world), None) == ("it is gone",)
    assert drift_of(signed(world), again) == ("it was deleted and created again, under another uid",)


def test_other_replicas_are_a_drift_of_the_field_and_of_what_was_signed() -> None:
    world = make.make_world()
    assert drift_of(signed(world), with_values(world, Field("/spec/replicas", 5, 4))) == (
        "spec.replicas has changed",
        "replicas is no longer what was signed",
    )
    assert drift_of(signed(world), with_values(world, Field("/spec/replicas", 5, 3))) == (
        "spec.replicas is already what was signed for",
        "replicas is no longer what was signed",
    )


def test_a_drain_whose_node_was_cordoned_meanwhile_goes_on() -> None:
    world = world_of(NODE)
    entry = signed(world, CORDON)
    assert entry.effects == {Effect.DRAIN}
    assert drift_of(entry, with_values(world, CORDON)) == ()


def test_a_mark_that_was_made_another_is_a_drift() -> None:
    world = world_of(NODE)
    entry = signed(world, Field("/spec/taints", ABSENT, [{"key": "a", "effect": "NoExecute"}]))
    moved = with_values(world, Field("/spec/taints", ABSENT, [{"key": "b", "effect": "NoSchedule"}]))
    assert drift_of(entry, moved) == ("spec.taints has changed",)


def test_a_loosening_drifts_with_the_old_values_that_were_signed() -> None:
    world = world_of(POLICY)
    entry = signed(world, Field("/spec/enforcement", "Deny", "Warn"))
    assert entry.effects == {Effect.LOOSENING}
    moved = with_values(world, Field("/spec/enforcement", "Deny", "Audit"))
    assert drift_of(entry, moved) == ("spec.enforcement has changed",)
    # What else a policy says is no part of what was signed.
    assert drift_of(entry, with_values(world, Field("/spec/onDeny", ABSENT, "Draft"))) == ()


def test_a_definition_that_was_changed_meanwhile_has_drifted_for_its_update_and_for_its_end() -> None:
    tree = {"metadata": {"name": "signoffs.cutline.dev", "uid": "crd-uid"}, "spec": {"versions": ["1"]}}
    world = make.make_world(live_of(DEFINITION, tree))
    moved = with_values(world, Field("/spec/versions", ["1"], ["3"]))
    assert drift_of(signed(world, Field("/spec/versions", ["1"], ["2"])), moved) == ("spec.versions has changed",)
    assert drift_of(signed(world, verb=Verb.DELETE), moved) == ("content is no longer what was signed",)


def test_a_riding_field_that_somebody_else_has_set_already_is_none() -> None:
    world, note = make.make_world(), Field("/metadata/annotations", ABSENT, {"note": "x"})
    entry = signed(world, note, Field("/spec/replicas", 5, 3))
    assert drift_of(entry, with_values(world, note)) == ()
    other = with_values(world, replace(note, new={"note": "y"}))
    assert drift_of(entry, other) == ("metadata.annotations has changed",)


def test_what_has_no_effect_is_held_against_nobody() -> None:
    world, note = make.make_world(), Field("/metadata/annotations", ABSENT, {"note": "x"})
    assert drift_of(signed(world, note), with_values(world, replace(note, new={"note": "y"}))) == ()


def test_what_a_newer_gate_signed_is_not_known_here() -> None:
    newer = replace(signed(make.make_world()), effects=frozenset({Effect.CUSTOM}))
    assert drift_of(newer, make.make_world()) == ("signed for what this gate does not know: Custom",)


def test_whether_it_drifted_is_unknown_without_what_it_depends_on() -> None:
    revisions = (make.make_revision(wire.make_template("web:1"), 1),)
    old = wire.make_workload(template=wire.make_template("web:2"))
    new = wire.make_workload(template=wire.make_template("web:1"))
    change, live = make.update(DEPLOYMENT, old, new)
    entry = make.make_signed_change(change, make.make_world(live, revisions=revisions))
    assert Effect.ROLLBACK in entry.effects
    unread = make.make_world(live, revisions=None)
    with pytest.raises(MissingFact):
        drift_of(entry, unread)
    # What shows without it is told.
    third = Field(change.fields[0].path, ABSENT, [{"name": "other"}])
    assert drift_of(entry, with_values(unread, third)) == ("spec.template.spec.containers has changed",)


def test_no_name_of_a_field_moves_the_terminal() -> None:
    world = world_of(POLICY)
    entry = signed(world, Field("/spec/\u202ewhere", ABSENT, "x"), Field("/spec/enforcement", "Deny", "Warn"))
    (text,) = drift_of(entry, with_values(world, Field("/spec/\u202ewhere", ABSENT, "y")))
    assert text == "spec.\\u202ewhere has changed"


def test_the_end_of_a_pod_depends_on_the_pod_alone() -> None:
    world = world_of(POD)
    entry = make.make_signed_change(Change(world.live.target, Verb.EVICT, end=End()), world)
    assert drift_of(entry, with_values(world, Field("/metadata/labels", ABSENT, {"a": "b"}))) == ()


# --- against the gate itself


def another(field: Field) -> Any:
    """A value of the same shape that is neither the old nor the new one."""
    for value in (field.new, field.old):
        match value:
            case list():
                return [{"name": "another", "key": "another"}]
            case dict():
                return {"another": "x"}
            case str():
                return "another"
            case bool():
                return not value
            case int():
                return 4 if value != 4 else 9
    return "another"


@given(some.signed_decisions(), st.data())
def test_the_gate_finds_what_was_told(situation: tuple[Change, Snapshot], data: st.DataObject) -> None:
    change, snapshot = situation
    moved = tuple(
        replace(field, new=data.draw(st.sampled_from([field.old, field.new, ABSENT, another(field)])))
        for field in change.fields
    )
    world = with_values(snapshot.world, *moved)
    content = world.live.content
    again = replace(
        change,
        fields=tuple(
            replace(field, old=lookup(content, field.path))
            for field in change.fields
            if not same(lookup(content, field.path), field.new)
        ),
    )
    verdict = decide(again, make.AGENT, replace(snapshot, world=world))
    (candidate,) = snapshot.candidates
    drift = drift_of(candidate.proposal.changes[0], world)
    assert not (drift and verdict.conclusion is Conclusion.SIGNED)
    assert drift or verdict.conclusion in (Conclusion.SIGNED, Conclusion.NOT_GATED)
