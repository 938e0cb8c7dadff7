"""Events: what is told, in which words, and only once."""

from collections.abc import Iterable

from cutline.domain.difference import Field
from cutline.domain.effect import Action
from cutline.domain.kind import NODE
from cutline.domain.lifecycle import ClaimState, Standing, Use, is_reviewed, standing_of
from cutline.domain.proposal import Emergency, Proposal
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.tree import ABSENT
from cutline_operator.announcements import announcements
from cutline_operator.events import (
    Event,
    EventReason,
    EventType,
    Regarding,
    event_as_tree,
    name_of,
    regarding_target,
    safe_text,
)
from tests.builders import (
    ALICE,
    BOB,
    NOW,
    SETTINGS,
    SYSTEM,
    make_candidate,
    make_change,
    make_live,
    make_proposal,
    make_signed_change,
    make_signoff,
    make_world,
)

PROPOSAL = make_proposal()
EMERGENCY = make_proposal(proposer=ALICE, created=NOW, emergency=Emergency("down", "T-1"))


def told(
    *signoffs: Signoff,
    proposal: Proposal = PROPOSAL,
    before: str = "Pending",
    uses: Iterable[Use] = (),
    drift: tuple[str, ...] = (),
) -> tuple[Event, ...]:
    candidate = make_candidate(proposal, *signoffs)
    standing: Standing = standing_of(candidate, proposal.requirement, uses, drift, SETTINGS, NOW)
    return announcements(
        candidate, standing, {"phase": before} if before else {}, is_reviewed=is_reviewed(candidate, SETTINGS)
    )


def test_a_new_proposal_is_told_where_it_stands() -> None:
    (event,) = told(before="")
    assert event.reason is EventReason.PROPOSED
    assert (
        event.note == f"ScaleDown of deployment/web (shop), proposed by {PROPOSAL.proposer.username}, needs a decision"
    )


def test_what_stands_in_no_namespace_is_told_without_one() -> None:
    node = make_world(make_live(NODE))
    cordon = make_signed_change(make_change(node.live, Field("/spec/unschedulable", ABSENT, True)), node)
    drain = make_proposal(cordon, action=Action.DRAIN, namespace=SYSTEM)
    (event,) = told(proposal=drain, before="")
    assert event.note.startswith(f"Drain of node/{node.live.target.name}, proposed by")
    (event,) = told(proposal=make_proposal(namespace=SYSTEM), before="")
    assert event.note.startswith("ScaleDown of deployment/web (shop), proposed by")


def test_an_approval_is_told_at_the_target_too() -> None:
    events = told(make_signoff(PROPOSAL))
    assert [event.regarding.kind for event in events] == ["RemediationProposal", "Deployment"]
    assert all("approved by alice" in event.note for event in events)


def test_nothing_new_is_nothing_told() -> None:
    assert told() == ()
    assert told(make_signoff(PROPOSAL), before="Approved") == ()


def test_a_rejection_names_who() -> None:
    (event,) = told(make_signoff(PROPOSAL, BOB, Decision.REJECT))
    assert event.note.endswith("rejected by bob")


def test_drift_is_a_warning() -> None:
    (event,) = told(drift=("replicas",))
    assert (event.type, event.reason) == (EventType.WARNING, EventReason.STALE)


def test_a_use_that_came_to_nothing_is_a_warning() -> None:
    use = Use("claim", PROPOSAL.changes[0].change.digest, ClaimState.NEVER_HAPPENED)
    (event,) = told(make_signoff(PROPOSAL), before="Approved", uses=[use])
    assert event.reason is EventReason.NEVER_HAPPENED


def test_an_emergency_is_loud_until_its_review() -> None:
    reasons = [event.reason for event in told(proposal=EMERGENCY, before="Approved")]
    assert reasons == [EventReason.EMERGENCY, EventReason.EMERGENCY]
    reviewed = told(make_signoff(EMERGENCY, BOB), proposal=EMERGENCY, before="Approved")
    assert [event.reason for event in reviewed] == [EventReason.EMERGENCY_REVIEWED]


def test_a_restart_repeats_nothing_that_is_over() -> None:
    signoff = make_signoff(EMERGENCY, BOB)
    candidate = make_candidate(EMERGENCY, signoff)
    never = Use("claim", EMERGENCY.changes[0].change.digest, ClaimState.NEVER_HAPPENED)
    standing = standing_of(candidate, EMERGENCY.requirement, [never], (), SETTINGS, NOW)
    before = {"phase": "Approved", "signers": [{}], "claims": [{"name": "claim", "state": "NeverHappened"}]}
    assert announcements(candidate, standing, before, is_reviewed=True) == ()


def test_the_same_said_twice_is_one_event() -> None:
    first, second = told(make_signoff(PROPOSAL)), told(make_signoff(PROPOSAL))
    assert [name_of(event) for event in first] == [name_of(event) for event in second]
    assert len({name_of(event) for event in first}) == 2


def test_text_cannot_move_a_terminal_or_hide() -> None:
    assert safe_text("a\x1b[31mb\nc\u202ed\u200be") == r"a\u001b[31mb\u000ac\u202ed\u200be"
    assert safe_text("Grüße, 東京") == "Grüße, 東京"
    assert len(safe_text("ü" * 2000).encode()) <= 1024


def test_events_of_cluster_scoped_objects_stand_in_default() -> None:
    about = regarding_target(make_live(NODE).target)
    tree = event_as_tree(Event(about, EventType.NORMAL, EventReason.USED, "x"), "2026-03-01T12:00:00.000000Z")
    assert tree["metadata"]["namespace"] == "default"
    assert "namespace" not in tree["regarding"]


def test_names_fit_whatever_they_are_about() -> None:
    about = Regarding("v1", "Pod", "shop", "x" * 253, "uid")
    name = name_of(Event(about, EventType.NORMAL, EventReason.USED, "x"))
    assert len(name) <= 253
