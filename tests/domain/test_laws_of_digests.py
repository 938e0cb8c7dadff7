"""Laws of changes and their digests: no two of them are taken for one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import change_from_canonical
from cutline.domain.difference import apply, difference
from cutline.domain.effect import Action, Effect
from cutline.domain.errors import BadObject
from tests import builders as make
from tests import strategies as some


@given(some.json_objects, some.json_objects)
def test_a_difference_applied_to_the_old_gives_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply(old, difference(old, new)) == new


@given(some.json_objects, some.json_objects)
def test_there_is_no_difference_exactly_between_equals(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert difference(old, old) == ()
    if old != new:
        assert difference(old, new)


@given(some.worlds(some.ALL_GATED_KINDS), st.data())
def test_a_change_has_one_digest_and_no_two_changes_share_it(world: Any, data: st.DataObject) -> None:
    one, other = data.draw(some.changes(world.live)), data.draw(some.changes(world.live))
    assert (one == other) == (one.digest == other.digest)


@given(some.worlds(some.ALL_GATED_KINDS), st.data())
def test_a_proposal_digest_says_everything_that_is_signed(world: Any, data: st.DataObject) -> None:
    entry = make.make_signed_change(data.draw(some.changes(world.live)), world)
    proposal = make.make_proposal(entry)
    parts: dict[str, Any] = {
        "namespace": "elsewhere",
        "name": "another",
        "nonce": "f" * 32,
        "action": Action.DELETE,
        "proposer": make.BOB,
        "executor": "Operator",
        "changes": (replace(entry, effects=entry.effects ^ {Effect.CUSTOM}),),
        "requirement": (make.make_requirement(2),),
        "decide_within": timedelta(minutes=1),
        "valid_for": timedelta(minutes=1),
    }
    for field, value in parts.items():
        other: dict[str, Any] = {field: value}
        assert replace(proposal, **other).digest != proposal.digest, field
    for baseline in ({}, {**entry.baseline, "more": "x"}):
        if baseline != entry.baseline:
            assert replace(proposal, changes=(replace(entry, baseline=baseline),)).digest != proposal.digest


@given(st.text(max_size=200) | some.json_values.map(str))
@pytest.mark.parametrize("shape", ["{}", '{{"format":"cutline/1","target":{}}}'])
def test_no_text_that_is_not_a_change_is_read_as_one(shape: str, text: str) -> None:
    with pytest.raises(BadObject) as refused:
        change_from_canonical(shape.format(text), "spec.changes[0].canonical")
    assert refused.value.field == "spec.changes[0].canonical"
