"""Laws of more and less: what only adds rules or objections, or takes approvals away, never admits more."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from cutline.domain.change import Change
from cutline.domain.decide import decide
from cutline.domain.policy import Line, Policies, Policy
from cutline.domain.signoff import Decision
from cutline.domain.snapshot import Snapshot
from cutline.domain.user import User
from cutline.domain.verdict import Conclusion
from tests import builders as make
from tests import strategies as some
from tests.domain.situations import MANY, Situation, is_admitted


@MANY
@given(some.decisions(gated=True), some.narrowings, st.data())
def test_narrowing_only_ever_takes_away(situation: Situation, narrowing: Any, data: st.DataObject) -> None:
    change, actor, snapshot = situation
    assume(any(one.signoffs for one in snapshot.candidates))
    narrower = []
    for candidate in snapshot.candidates:
        signoffs = tuple(
            replace(one, narrowing=one.narrowing.meet(narrowing))
            if one.decision is Decision.APPROVE and data.draw(st.booleans())
            else one
            for one in candidate.signoffs
        )
        narrower.append(replace(candidate, signoffs=signoffs))
    if is_admitted(decide(change, actor, replace(snapshot, candidates=tuple(narrower)))):
        assert is_admitted(decide(change, actor, snapshot))


@MANY
@given(some.decisions(gated=True), some.policies_named("one-more"))
def test_another_policy_never_turns_a_denial_into_an_admission(situation: Situation, policy: Policy) -> None:
    change, actor, snapshot = situation
    if is_admitted(decide(change, actor, snapshot)):
        return
    more = replace(snapshot.policies, items=(*snapshot.policies.items, policy))
    assert decide(change, actor, replace(snapshot, policies=more)).is_denied


@MANY
@given(some.decisions(gated=True), some.lines, st.data())
def test_another_line_never_turns_a_denial_into_an_admission(
    situation: Situation, line: Line, data: st.DataObject
) -> None:
    change, actor, snapshot = situation
    if is_admitted(decide(change, actor, snapshot)):
        return
    index = data.draw(st.integers(0, len(snapshot.policies.items) - 1))
    items = list(snapshot.policies.items)
    items[index] = replace(items[index], lines=(*items[index].lines, replace(line, name="one-more")))
    assert decide(change, actor, replace(snapshot, policies=Policies(tuple(items)))).is_denied


@MANY
@given(some.decisions(gated=True), some.people, some.moments, st.sampled_from([Decision.REJECT, Decision.REVOKE]))
def test_another_objection_never_turns_a_denial_into_an_admission(
    situation: Situation, author: User, when: Any, decision: Decision
) -> None:
    change, actor, snapshot = situation
    if not snapshot.candidates or is_admitted(decide(change, actor, snapshot)):
        return
    candidate, *others = snapshot.candidates
    said = make.make_signoff(candidate.proposal, author, decision, created=when, name="one-more")
    more = replace(candidate, signoffs=(*candidate.signoffs, said))
    assert decide(change, actor, replace(snapshot, candidates=(more, *others))).is_denied


@given(some.decisions(gated=True), st.data())
def test_a_proposal_less_never_turns_a_denial_into_an_admission(situation: Situation, data: st.DataObject) -> None:
    change, actor, snapshot = situation
    if not snapshot.candidates or is_admitted(decide(change, actor, snapshot)):
        return
    kept = tuple(one for one in snapshot.candidates if data.draw(st.booleans()))
    assert decide(change, actor, replace(snapshot, candidates=kept)).is_denied


@given(some.signed_decisions(), some.decisions())
def test_somebody_elses_proposal_never_spoils_ones_own(situation: tuple[Change, Snapshot], other: Situation) -> None:
    change, snapshot = situation
    foreign = tuple(
        replace(one, proposal=make.restamped(one.proposal, name=f"foreign-{index}"))
        for index, one in enumerate(other[2].candidates)
    )
    verdict = decide(change, make.AGENT, replace(snapshot, candidates=(*snapshot.candidates, *foreign)))
    assert verdict.conclusion is Conclusion.SIGNED
