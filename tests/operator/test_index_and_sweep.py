"""The index in memory, and the order in which the sweep takes what is due."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from cutline.api.admitted_changes import claim_of
from cutline.api.proposals import stamped_spec
from cutline.domain.lifecycle import ClaimState
from cutline.domain.signoff import Decision
from cutline.kube.errors import Unavailable
from cutline_operator.index import Index, Key, Kind, Topic
from cutline_operator.metrics import Metrics
from cutline_operator.sweep import Sweep
from tests.awaiting import until
from tests.builders import ALICE, NOW, make_proposal
from tests.wire import make_policy_tree

PROPOSAL = make_proposal()


def proposal_tree(phase: str = "") -> dict[str, Any]:
    spec = {
        "action": "ScaleDown",
        "target": {"group": "apps", "kind": "Deployment", "name": "web"},
        "decideWithin": "1h",
        "validFor": "15m",
    }
    metadata = {
        "name": PROPOSAL.name,
        "namespace": PROPOSAL.namespace,
        "uid": PROPOSAL.uid,
        "generation": 1,
        "creationTimestamp": PROPOSAL.created.isoformat(),
    }
    return {"metadata": metadata, "spec": stamped_spec(spec, PROPOSAL), "status": {"phase": phase} if phase else {}}


def signoff_tree(name: str = "one", decision: Decision = Decision.APPROVE) -> dict[str, Any]:
    spec = {
        "proposal": PROPOSAL.name,
        "proposalUID": PROPOSAL.uid,
        "digest": PROPOSAL.digest,
        "decision": decision.value,
        "reason": "fine",
        "by": {"username": ALICE.username, "groups": list(ALICE.groups)},
    }
    metadata = {"name": name, "namespace": "shop", "uid": f"{name}-uid", "creationTimestamp": "2026-03-01T11:55:00Z"}
    return {"metadata": metadata, "spec": spec}


def admitted_tree(state: str = "") -> dict[str, Any]:
    entry = PROPOSAL.changes[0]
    spec = {
        "proposal": {"namespace": "shop", "name": PROPOSAL.name, "uid": PROPOSAL.uid, "digest": PROPOSAL.digest},
        "changeDigest": entry.change.digest,
        "canonical": entry.change.canonical,
        "actor": {"username": "robot"},
        "target": {"resourceVersion": "1", "generation": 7},
    }
    metadata = {"name": "claim", "uid": "claim-uid", "creationTimestamp": "2026-03-01T11:59:00Z"}
    return {"metadata": metadata, "spec": spec, "status": {"state": state} if state else {}}


def policy_tree() -> dict[str, Any]:
    tree = make_policy_tree()
    tree["metadata"].setdefault("uid", "policy-uid")
    return tree


ABOUT_PROPOSAL = Key(Topic.PROPOSAL, PROPOSAL.uid)


def filled() -> Index:
    index = Index()
    for kind, tree in (
        (Kind.PROPOSAL, proposal_tree()),
        (Kind.SIGNOFF, signoff_tree()),
        (Kind.ADMITTED_CHANGE, admitted_tree()),
        (Kind.POLICY, policy_tree()),
    ):
        index.put(kind, tree)
    return index


def test_finds_what_belongs_together() -> None:
    candidate = filled().candidate(PROPOSAL.uid)
    assert candidate is not None
    assert candidate.proposal.digest == PROPOSAL.digest
    assert [signoff.name for signoff in candidate.signoffs] == ["one"]
    assert candidate.claims == (claim_of(admitted_tree()),)


def test_news_concern_the_proposal() -> None:
    index = filled()
    assert ABOUT_PROPOSAL in tuple(index.put(Kind.SIGNOFF, signoff_tree("two")))
    assert ABOUT_PROPOSAL in tuple(index.put(Kind.ADMITTED_CHANGE, admitted_tree("Settled")))
    assert ABOUT_PROPOSAL in tuple(index.put(Kind.POLICY, policy_tree()))
    assert ABOUT_PROPOSAL in tuple(index.remove(Kind.SIGNOFF, signoff_tree("two")))


def test_a_status_that_says_nothing_known_counts_as_not_seen() -> None:
    index = Index()
    index.put(Kind.ADMITTED_CHANGE, admitted_tree("Whatever"))
    assert index.admitted["claim"].state is ClaimState.CLAIMED


def test_what_the_gate_did_not_stamp_is_left_out() -> None:
    index = Index()
    tree = proposal_tree()
    del tree["spec"]["proposer"]
    assert tuple(index.put(Kind.PROPOSAL, tree)) == ()
    assert index.candidate(PROPOSAL.uid) is None


def test_signoffs_outlive_their_proposal_as_orphans() -> None:
    index = filled()
    keys = tuple(index.remove(Kind.PROPOSAL, proposal_tree()))
    assert Key(Topic.ORPHANS, PROPOSAL.uid) in keys
    assert index.candidate(PROPOSAL.uid) is None
    assert len(index.signoffs_about(PROPOSAL.uid)) == 1


def test_what_is_gone_leaves_nothing_behind() -> None:
    index = filled()
    # A list that lacks it knows of it no more than its uid and name.
    assert ABOUT_PROPOSAL in tuple(index.remove(Kind.SIGNOFF, {"metadata": {"name": "one", "uid": "one-uid"}}))
    assert ABOUT_PROPOSAL in tuple(index.remove(Kind.ADMITTED_CHANGE, admitted_tree()))
    index.remove(Kind.PROPOSAL, proposal_tree())
    index.remove(Kind.POLICY, policy_tree())
    assert {name: kept for name, kept in vars(index).items() if kept} == {}
    # Told again, as a watch may.
    assert tuple(index.remove(Kind.SIGNOFF, signoff_tree())) == ()
    assert tuple(index.remove(Kind.ADMITTED_CHANGE, admitted_tree())) == ()


def test_a_claim_that_was_written_anew_belongs_to_its_new_proposal_alone() -> None:
    index = filled()
    again = admitted_tree()
    again["spec"]["proposal"]["uid"] = "another"
    index.put(Kind.ADMITTED_CHANGE, again)
    assert index.uses_of(PROPOSAL.uid) == ()
    assert [use.claim.name for use in index.uses_of("another")] == ["claim"]
    index.remove(Kind.ADMITTED_CHANGE, again)
    assert index.uses_of("another") == ()


def test_a_list_drops_what_a_watch_failed_to_tell() -> None:
    index = filled()
    before = index.names_of(Kind.SIGNOFF)
    keys = tuple(index.complete(Kind.SIGNOFF, [], before))
    assert keys == (ABOUT_PROPOSAL,)
    assert index.signoffs_about(PROPOSAL.uid) == ()


def test_a_list_takes_back_nothing_that_a_watch_told_meanwhile() -> None:
    index = filled()
    before = index.names_of(Kind.SIGNOFF)
    index.put(Kind.SIGNOFF, signoff_tree("newer"))
    index.put(Kind.PROPOSAL, proposal_tree("Approved"))
    index.complete(Kind.SIGNOFF, [signoff_tree()], before)
    index.complete(Kind.PROPOSAL, [proposal_tree()], index.names_of(Kind.PROPOSAL))
    assert len(index.signoffs_about(PROPOSAL.uid)) == 2
    assert index.proposals[PROPOSAL.uid].status == {"phase": "Approved"}


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def key(name: str) -> Key:
    return Key(Topic.PROPOSAL, name)


async def nothing(_: Key) -> datetime | None:
    return None


def test_takes_what_is_due_once_in_order() -> None:
    async def scenario() -> None:
        clock = Clock()
        sweep = Sweep(nothing, Metrics(), clock)
        sweep.touch([key("a"), key("b"), key("a")])
        clock.now += timedelta(seconds=1)
        sweep.touch([key("c"), key("a")])
        assert sweep.take_due(clock.now) == (key("a"), key("b"), key("c"))
        assert sweep.take_due(clock.now) == ()

    asyncio.run(scenario())


def test_works_again_when_it_is_due_again_and_survives_errors() -> None:
    seen: list[str] = []
    clock = Clock()

    async def work(found: Key) -> datetime | None:
        seen.append(found.name)
        match found.name:
            case "lost":
                raise Unavailable(0, "Timeout", "no answer")
            case "broken":
                raise ZeroDivisionError
            case _:
                return clock.now + timedelta(seconds=30)

    async def scenario() -> None:
        metrics = Metrics()
        sweep = Sweep(work, metrics, clock)
        running = asyncio.create_task(sweep.run())
        sweep.touch([key("fine"), key("lost"), key("broken")])
        await until(lambda: len(seen) == 3)
        assert sorted(seen) == ["broken", "fine", "lost"]
        clock.now += timedelta(seconds=11)
        sweep.touch([])
        await until(lambda: len(seen) == 4)
        assert seen[3:] == ["lost"]
        clock.now += timedelta(seconds=30)
        sweep.touch([])
        await until(lambda: metrics.registry.get_sample_value("cutline_sweep_errors_total") == 4)
        assert sorted(seen[4:]) == ["fine", "lost"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def test_what_is_touched_during_its_work_is_worked_on_once_more() -> None:
    seen: list[str] = []

    async def scenario() -> None:
        clock = Clock()
        sweep = Sweep(nothing, Metrics(), clock)

        async def work(found: Key) -> datetime | None:
            seen.append(found.name)
            if len(seen) == 1:
                sweep.touch([found])
            return clock.now + timedelta(hours=1)

        sweep = Sweep(work, Metrics(), clock)
        running = asyncio.create_task(sweep.run())
        sweep.touch([key("a")])
        await until(lambda: len(seen) > 1)
        # What is queued behind it is worked on after all that was to be done about it.
        sweep.touch([key("last")])
        await until(lambda: seen[-1] == "last")
        assert seen == ["a", "a", "last"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
