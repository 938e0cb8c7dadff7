"""The tally itself: what it must find, and what it must not take for a fault."""

import pytest

from tests.node.demands import Allowed, faults
from tests.node.tally import Fate, Kind, Lifeline, Losses, Sample, Sent, Service, Tally, tally

MOMENTS = tuple(half / 2 for half in range(41))  # seconds
ALIVE = Lifeline(tuple(Sample(at, 2, 0) for at in MOMENTS))
# One of two dies at 5, the Service notices at 7; both are dead from 10 to 15.
TROUBLE = Lifeline(
    tuple(Sample(at, 0 if 10 <= at < 15 else 1 if 5 <= at < 10 else 2, 1 if 5 <= at < 7 else 0) for at in MOMENTS)
)


def _sent(kind: Kind, fate: Fate, began: float, ended: float | None = None) -> Sent:
    return Sent(f"{kind.value} one", kind, fate, began, began + 0.1 if ended is None else ended)


def _usual() -> list[Sent]:
    """What is sent and answered where nothing is wrong."""
    pairs = (
        (Kind.GATED, Fate.DENIED),
        (Kind.SIGNED, Fate.PASSED),
        (Kind.SIGNED, Fate.DENIED),
        (Kind.ASKED, Fate.PASSED),
        (Kind.FREE, Fate.PASSED),
    )
    return [_sent(kind, fate, 1.0 + n) for n in range(3) for kind, fate in pairs]


def _tally(*more: Sent, lifeline: Lifeline = ALIVE, losses: Losses | None = None) -> Tally:
    return tally([*_usual(), *more], lifeline, losses or Losses(), disturbed_at=5.0)


def _faults(
    *more: Sent, lifeline: Lifeline = ALIVE, losses: Losses | None = None, allowed: Allowed | None = None
) -> list[str]:
    sent = [*_usual(), *more]
    return faults(tally(sent, lifeline, losses or Losses(), 5.0), sent, allowed or Allowed())


def test_a_load_that_met_nothing_unusual_has_no_fault() -> None:
    assert _faults() == []
    assert _tally().recovered == 0.0
    assert _tally().line("nothing") == (
        "nothing: 15 requests, gated admitted unsigned 0, ungated refused with a replica alive 0, in failover 0, "
        "with none alive 0, with no API server 0; signed used 0, twice 0; not served 0, connections broken 0; "
        "recovered in 0.0s"
    )


def test_an_unsigned_change_counts_though_every_answer_was_a_refusal() -> None:
    losses = Losses(unsigned=(("deployment/guarded", 2), ("pod/a", 1)))
    assert "gated admitted unsigned 3," in _tally(losses=losses).line("x")
    assert _faults(losses=losses, allowed=Allowed(failover=True, down=False, api=True)) == [
        "admitted unsigned: deployment/guarded, 2 times",
        "admitted unsigned: pod/a, 1 times",
    ]


def test_a_gated_request_that_passed_counts_though_nothing_changed() -> None:
    passed = _sent(Kind.GATED, Fate.PASSED, 8.0)
    assert _faults(passed, passed) == ["admitted unsigned: the answer to 'gated one', 2 times"]


def test_a_gated_request_whose_object_is_gone_is_no_refusal_and_no_leak() -> None:
    moot = _sent(Kind.GATED, Fate.MOOT, 8.0)
    assert _faults(moot) == []
    assert _tally(moot).recovered == 0.0


def test_a_signed_change_that_happened_twice_is_a_fault() -> None:
    assert _faults(losses=Losses(repeated=("p",), used=1)) == ["used more than once: p"]


@pytest.mark.parametrize("kind", [Kind.ASKED, Kind.FREE])
@pytest.mark.parametrize("fate", [Fate.DENIED, Fate.HELD_UP])
def test_an_ungated_request_refused_with_all_replicas_alive_is_a_fault(kind: Kind, fate: Fate) -> None:
    everything = Allowed(failover=True, api=True)
    assert len(_faults(_sent(kind, fate, 8.0), allowed=everything)) == 1


@pytest.mark.parametrize(
    ("began", "ended", "where"),
    [
        (2.0, 2.1, "refused_while_alive"),
        (4.2, 4.3, "in_failover"),  # the sample after it, at 5, finds the dead one
        (5.5, 6.5, "in_failover"),
        (8.2, 8.6, "refused_while_alive"),
        (9.2, 9.3, "stopped_while_down"),
        (12.0, 12.1, "stopped_while_down"),
        (14.5, 15.5, "stopped_while_down"),
        (16.2, 16.3, "refused_while_alive"),
        (30.0, 31.0, "refused_while_alive"),
    ],
)
def test_a_refusal_belongs_to_what_was_measured_around_it(began: float, ended: float, where: str) -> None:
    found = _tally(_sent(Kind.ASKED, Fate.HELD_UP, began, ended), lifeline=TROUBLE)
    counted = {name: len(getattr(found, name)) for name in ("refused_while_alive", "in_failover", "stopped_while_down")}
    assert counted == {name: int(name == where) for name in counted}


def test_what_a_look_found_may_have_changed_while_it_was_looking() -> None:
    """Both of its samples say that one is alive; it died in between, as the next look finds."""
    looks = Lifeline((Sample(1.0, 1, 0), Sample(1.4, 1, 0), Sample(1.5, 0, 0), Sample(1.9, 0, 0)))
    assert looks.during(1.1, 1.2) == {Service.SERVING, Service.DOWN}
    assert looks.during(1.6, 1.7) == {Service.SERVING, Service.DOWN}
    later = Lifeline((*looks.samples, Sample(2.0, 0, 0), Sample(2.4, 0, 0)))
    assert later.during(2.1, 2.2) == {Service.DOWN}


def test_a_replica_that_is_back_before_the_next_look_was_away_all_the_same() -> None:
    whole = Lifeline(tuple(Sample(at, 2, 0) for at in (1.0, 1.4, 2.0, 2.4, 3.0, 3.4, 4.0, 4.4)))
    assert whole.during(2.1, 2.6) == {Service.SERVING}
    assert whole.struck(2.5).during(2.1, 2.6) == {Service.SERVING, Service.FAILING_OVER}
    assert whole.struck(2.5).during(3.9, 4.2) == {Service.SERVING}


@pytest.mark.parametrize("began", [2.0, 5.5, 12.0, 18.0])
def test_what_is_surely_not_gated_is_never_refused_for_want_of_a_replica(began: float) -> None:
    found = _tally(_sent(Kind.FREE, Fate.HELD_UP, began), lifeline=TROUBLE)
    assert len(found.refused_while_alive) == 1


def test_a_gate_that_cannot_read_for_want_of_the_api_server_refuses_and_that_is_told() -> None:
    cut = Lifeline(tuple(Sample(at, 2, 0, api=at != 8.0) for at in MOMENTS))
    asked, free = _sent(Kind.ASKED, Fate.DENIED, 8.2), _sent(Kind.FREE, Fate.DENIED, 8.2)
    assert len(_faults(asked, lifeline=cut)) == 1
    assert _faults(asked, lifeline=cut, allowed=Allowed(api=True)) == []
    assert len(_faults(free, lifeline=cut, allowed=Allowed(api=True))) == 1
    assert len(_tally(asked, lifeline=cut).cut_off) == 1


def test_refusals_for_want_of_a_replica_are_faults_unless_that_was_the_disturbance() -> None:
    in_failover, down = _sent(Kind.ASKED, Fate.HELD_UP, 5.5), _sent(Kind.ASKED, Fate.HELD_UP, 12.0)
    assert len(_faults(in_failover, lifeline=TROUBLE)) == 1
    assert _faults(in_failover, lifeline=TROUBLE, allowed=Allowed(failover=True)) == []
    assert len(_faults(down, lifeline=TROUBLE, allowed=Allowed(failover=True))) == 1


def test_with_no_replica_alive_the_asked_stop_and_the_free_go_on() -> None:
    allowed = Allowed(down=True)
    stopped = _sent(Kind.ASKED, Fate.HELD_UP, 12.0)
    free = _sent(Kind.FREE, Fate.PASSED, 12.0)
    assert _faults(stopped, free, lifeline=TROUBLE, allowed=allowed) == []
    assert _faults(free, lifeline=TROUBLE, allowed=allowed) == ["nothing was stopped while no replica was alive"]
    assert _faults(stopped, lifeline=TROUBLE, allowed=allowed) == [
        "free one did not pass once while no replica was alive"
    ]
    passed = _sent(Kind.ASKED, Fate.PASSED, 12.0)
    just_back = _sent(Kind.ASKED, Fate.PASSED, 13.5)
    assert _faults(stopped, free, passed, just_back, lifeline=TROUBLE, allowed=allowed) == [
        "asked one passed 1 times while no replica was alive"
    ]
    assert _faults(stopped, free, allowed=allowed) == [
        "refused with a replica alive: asked one, 1 times, ",
        "there was always a replica alive",
    ]


@pytest.mark.parametrize("fate", [Fate.UNAVAILABLE, Fate.BROKEN])
def test_an_absent_api_server_is_nobodys_refusal_but_is_told(fate: Fate) -> None:
    one = _sent(Kind.FREE, fate, 8.0)
    assert len(_faults(one)) == 1
    assert _faults(one, allowed=Allowed(api=True)) == []


def test_recovery_ends_with_the_last_unusual_answer() -> None:
    assert _tally(_sent(Kind.FREE, Fate.BROKEN, 8.0, 9.5)).recovered == 4.5
    assert _tally(_sent(Kind.GATED, Fate.HELD_UP, 8.0, 9.0), _sent(Kind.GATED, Fate.DENIED, 18.0)).recovered == 4.0


def test_a_sender_that_hardly_sent_proves_nothing() -> None:
    lone = Sent("lone", Kind.GATED, Fate.DENIED, 1.0, 1.1)
    assert _faults(lone) == ["lone sent only 1 requests"]


def test_no_samples_is_nothing_measured() -> None:
    assert Lifeline(()).during(1.0, 2.0) == set()
    assert Sample(1.0, 0, 2).service is Service.DOWN
