"""What became of an admitted change, from the live target."""

from datetime import timedelta

from cutline.domain.change import End, Verb
from cutline.domain.claim import Claim
from cutline.domain.difference import Field
from cutline.domain.kind import NODE, POD
from cutline.domain.lifecycle import ClaimState
from cutline.domain.live import Live
from cutline.domain.tree import ABSENT
from cutline_operator.settlement import FINAL_AFTER, is_final, next_look, outcome_of
from tests.builders import NOW, ago, make_change, make_claim, make_live, make_proposal
from tests.wire import make_node, make_pod, make_workload

FIVE = make_live()
TO_THREE = make_change(FIVE)
LONG_AGO = ago(seconds=36)


def claimed(change_live: Live = FIVE, *, seconds: int = 10) -> Claim:
    return make_claim(make_proposal(), make_change(change_live), change_live, created=ago(seconds=seconds))


def deployment(replicas: int, generation: int = 7) -> Live:
    return make_live(tree=make_workload(replicas=replicas, generation=generation))


def state(claim: Claim, live: Live | None) -> ClaimState:
    return outcome_of(claim, live, NOW).state


def test_settles_when_the_target_shows_the_new_side() -> None:
    assert state(claimed(), deployment(3, 8)) is ClaimState.SETTLED


def test_waits_while_the_request_may_still_be_under_way() -> None:
    assert state(claimed(seconds=34), FIVE) is ClaimState.CLAIMED


def test_never_happened_when_the_target_stands_unmoved() -> None:
    assert state(claimed(seconds=36), FIVE) is ClaimState.NEVER_HAPPENED


def test_a_target_that_moved_on_was_used() -> None:
    assert state(claimed(seconds=36), deployment(4, 9)) is ClaimState.SETTLED
    assert state(claimed(seconds=36), deployment(5, 9)) is ClaimState.SETTLED


def test_another_object_of_the_same_name_settles_it() -> None:
    other = make_live(tree=make_workload(uid="another"))
    assert state(claimed(), other) is ClaimState.SETTLED
    assert state(claimed(), None) is ClaimState.SETTLED


def removal(pod: Live, seconds: int) -> Claim:
    change = make_change(pod, verb=Verb.EVICT, end=End())
    return make_claim(make_proposal(), change, pod, created=ago(seconds=seconds))


def test_a_removal_is_seen_by_the_uid() -> None:
    pod = make_live(POD)
    again = make_live(POD, make_pod(uid="another"))
    assert state(removal(pod, 1), None) is ClaimState.SETTLED
    assert state(removal(pod, 1), again) is ClaimState.SETTLED
    assert state(removal(pod, 1), pod) is ClaimState.CLAIMED
    assert state(removal(pod, 36), pod) is ClaimState.NEVER_HAPPENED


def test_a_terminating_pod_is_under_way_however_long_it_takes() -> None:
    pod = make_live(POD)
    tree = make_pod()
    tree["metadata"]["deletionTimestamp"] = "2026-03-01T11:00:00Z"
    assert state(removal(pod, 3000), make_live(POD, tree)) is ClaimState.CLAIMED


def test_nodes_count_no_generations() -> None:
    node = make_live(NODE)
    cordon = make_change(node, Field("/spec/unschedulable", ABSENT, True))
    claim = make_claim(make_proposal(), cordon, node, created=LONG_AGO)
    heartbeat = make_node()
    heartbeat["metadata"]["resourceVersion"] = "999"
    assert state(claim, make_live(NODE, make_node(unschedulable=True))) is ClaimState.SETTLED
    assert state(claim, make_live(NODE, heartbeat)) is ClaimState.NEVER_HAPPENED


def test_what_never_happened_can_be_tried_again_for_a_while() -> None:
    claim = claimed(seconds=40)
    assert is_final(claim, ClaimState.SETTLED, NOW)
    assert not is_final(claim, ClaimState.CLAIMED, NOW)
    assert not is_final(claim, ClaimState.NEVER_HAPPENED, NOW)
    assert is_final(claim, ClaimState.NEVER_HAPPENED, claim.created + FINAL_AFTER + timedelta(seconds=1))


def test_looks_soon_and_then_ever_later() -> None:
    pauses = [next_look(claimed(seconds=age), NOW) - NOW for age in (0, 1, 4, 60, 3600)]
    assert pauses == [timedelta(seconds=seconds) for seconds in (1, 1, 4, 15, 15)]
