"""Drafts: what a denial leaves behind, best effort, one for each actor, target and effects."""

import asyncio
from dataclasses import replace

import pytest

from cutline.api.proposals import proposal_of
from cutline.domain.change import Change, Verb
from cutline.domain.decide import decide
from cutline.domain.difference import Field
from cutline.domain.duration import MAX_VALID_FOR
from cutline.domain.effect import Effect
from cutline.domain.kind import POD
from cutline.domain.policy import Enforcement, OnDeny
from cutline.domain.proposal import Emergency, Proposal
from cutline.domain.signoff import Decision
from cutline.domain.user import User
from cutline.domain.verdict import Reason, undecided
from cutline.kube.access import AccessReviewer
from cutline.kube.errors import Unavailable
from cutline.kube.world import WorldReader
from cutline_webhook.drafting import DRAFT_LABEL, MOST_PER_ACTOR, Drafter, Wish, draft_name, wish_of
from cutline_webhook.policies import PolicyStore
from cutline_webhook.proposing import ProposalMaker
from tests import builders as make
from tests import wire
from tests.api.cluster_in_memory import ClusterInMemory
from tests.api.trees import proposal_tree, signoff_tree
from tests.webhook.test_gate import cluster, settings

DRAFTS = make.make_policies(make.make_policy(on_deny=OnDeny.DRAFT))


def scale_to(replicas: int) -> Change:
    return make.make_change(None, Field("/spec/replicas", 5, replicas))


def wish(replicas: int = 3, actor: User = make.AGENT) -> Wish:
    return Wish(actor, scale_to(replicas), frozenset({Effect.SCALE_DOWN}))


def drafted(world: ClusterInMemory, *wishes: Wish) -> list[Proposal]:
    """The proposals that stand once the drafter has worked through `wishes`."""

    async def work() -> None:
        client = world.client()
        reader = WorldReader(client, make.SYSTEM)
        store = PolicyStore(client)
        maker = ProposalMaker(settings(), reader, AccessReviewer(client))
        drafter = Drafter(client, maker, reader, store, make.SYSTEM, world.clock)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(store.run())]
            await _turns(100)
            assert store.is_synced
            for one in wishes:
                drafter.offer(one)
            running.append(tasks.create_task(drafter.run()))
            await _turns(100 * len(wishes))
            for task in running:
                task.cancel()

    asyncio.run(work())
    return [proposal_of(tree) for tree in world.all("remediationproposals")]


async def _turns(count: int) -> None:
    """Let everybody else have so many turns: each exchange takes one, a draft a dozen of them."""
    for _ in range(count):
        await asyncio.sleep(0)


def shop() -> ClusterInMemory:
    world = cluster()
    world.add("reversibilitypolicies", wire.make_policy_tree(onDeny="Draft"))
    return world


# --- which denials are drafted


def test_a_denial_under_a_drafting_policy_is_wished_for() -> None:
    verdict = decide(scale_to(3), make.AGENT, make.make_snapshot(policies=DRAFTS))
    assert wish_of(verdict, make.AGENT) == wish()


def test_nothing_else_is() -> None:
    admitted = decide(scale_to(3), make.AGENT, make.signed_snapshot(policies=DRAFTS))
    refused = decide(scale_to(3), make.AGENT, make.make_snapshot())
    warned = make.make_policies(make.make_policy(on_deny=OnDeny.DRAFT, enforcement=Enforcement.WARN))
    seen = decide(scale_to(3), make.AGENT, make.make_snapshot(policies=warned))
    pod = make.make_live(POD)
    eviction = decide(
        make.make_change(pod, verb=Verb.EVICT),
        make.AGENT,
        make.make_snapshot(policies=DRAFTS, world=make.make_world(pod)),
    )
    verdicts = [admitted, refused, seen, eviction, undecided(Reason.STALE_POLICIES, "")]
    assert [wish_of(verdict, make.AGENT) for verdict in verdicts] == [None] * len(verdicts)


def test_a_pending_proposal_of_the_same_change_needs_no_draft() -> None:
    verdict = decide(scale_to(3), make.AGENT, make.signed_snapshot(scale_to(3), policies=DRAFTS, by=[]))
    assert wish_of(verdict, make.AGENT) is None


@pytest.mark.parametrize("minutes", [10, 600], ids=["pending, for another count", "expired"])
def test_a_proposal_that_is_of_no_use_here_stops_no_draft(minutes: int) -> None:
    entry = make.make_signed_change(scale_to(4) if minutes == 10 else scale_to(3))
    earlier = make.make_candidate(make.make_proposal(entry, created=make.ago(minutes=minutes)))
    verdict = decide(scale_to(3), make.AGENT, make.make_snapshot(earlier, policies=DRAFTS))
    assert wish_of(verdict, make.AGENT) is not None


# --- what is drafted


def test_a_draft_is_a_whole_proposal_by_whoever_was_denied() -> None:
    (proposal,) = drafted(shop(), wish())
    assert proposal.proposer.is_same_as(make.AGENT)
    assert proposal.digest == proposal.stored_digest
    assert [entry.change for entry in proposal.changes] == [scale_to(3)]


def test_an_emergency_under_the_name_of_a_draft_stays() -> None:
    world = shop()
    entry = make.make_signed_change(scale_to(3))
    alarm = make.make_proposal(entry, name=draft_name(wish()), emergency=Emergency("on fire", "T-1"))
    world.add("remediationproposals", proposal_tree(alarm))
    assert alarm.key in {proposal.key for proposal in drafted(world, wish(2))}


def test_somebody_elses_proposal_under_the_name_of_a_draft_stays_and_is_in_nobodys_way() -> None:
    world = shop()
    squatter = make.make_proposal(make.make_signed_change(scale_to(3)), name=draft_name(wish()), proposer=make.ROBOT)
    world.add("remediationproposals", proposal_tree(squatter))
    names = {proposal.name: proposal.proposer.username for proposal in drafted(world, wish(2))}
    assert names == {squatter.name: make.ROBOT.username, f"{squatter.name}-2": make.AGENT.username}


def test_a_repeated_denial_meets_its_own_draft() -> None:
    assert len(drafted(shop(), wish(), wish())) == 1


def test_the_newest_replaces_an_unsigned_older_one() -> None:
    (proposal,) = drafted(shop(), wish(3), wish(2))
    assert proposal.changes[0].change == scale_to(2)


@pytest.mark.parametrize("decision", Decision)
def test_what_somebody_has_signed_or_rejected_is_never_replaced(decision: Decision) -> None:
    world = shop()
    (first,) = drafted(world, wish(3))
    world.add("signoffs", signoff_tree(make.make_signoff(first, decision=decision), first.name))
    (proposal,) = drafted(world, wish(2))
    assert proposal.digest == first.digest


def test_an_expired_draft_is_made_anew() -> None:
    world = shop()
    (first,) = drafted(world, wish())
    world.now = first.decide_by
    (again,) = drafted(world, wish())
    assert again.digest != first.digest


def test_a_draft_that_was_used_makes_way_for_another() -> None:
    """An upgrade was signed and done; its rollback, and the same upgrade again, are asked for anew."""
    world = shop()
    (first,) = drafted(world, wish(3))
    world.add("signoffs", signoff_tree(make.make_signoff(first), first.name))
    assert len(drafted(world, wish(2))) == 1
    world.add(
        "admittedchanges",
        {"metadata": {"name": "use", "namespace": make.SYSTEM}, "spec": {"proposal": {"uid": first.uid}}},
    )
    kept, second = drafted(world, wish(3), wish(2))
    assert kept == first
    assert second.name == f"{first.name}-2"
    assert second.changes[0].change == scale_to(2)


def test_a_signed_draft_that_nobody_can_use_any_more_makes_way_for_another() -> None:
    world = shop()
    (first,) = drafted(world, wish())
    world.add("signoffs", signoff_tree(make.make_signoff(first, decision=Decision.REJECT), first.name))
    world.now = first.decide_by
    assert len(drafted(world, wish())) == 1
    world.now = first.decide_by + MAX_VALID_FOR
    assert [proposal.name for proposal in drafted(world, wish())] == [first.name, f"{first.name}-2"]


def test_each_actor_has_his_own_and_not_too_many() -> None:
    assert len(drafted(shop(), wish(), wish(actor=make.BOB))) == 2
    world = shop()
    (mine,) = drafted(world, wish())
    label = world.all("remediationproposals")[0]["metadata"]["labels"]
    assert list(label) == [DRAFT_LABEL]
    for index in range(MOST_PER_ACTOR):
        tree = proposal_tree(replace(mine, name=f"draft-{index}"))
        tree["metadata"]["labels"] = label
        world.add("remediationproposals", tree)
    other = replace(wish(), effects=frozenset({Effect.SCALE_DOWN, Effect.LOOSENING}))
    before = len(world.all("remediationproposals"))
    assert len(drafted(world, other)) == before
    assert len(drafted(world, wish(actor=make.BOB))) == before + 1


def test_no_failure_ends_the_drafter() -> None:
    world = shop()
    failures = iter([Unavailable(503, "x", "y"), RuntimeError("boom")])

    def fail_twice(method: str, plural: str) -> None:
        if (method, plural) == ("GET", "remediationproposals") and (error := next(failures, None)):
            raise error

    world.before = fail_twice
    assert len(drafted(world, wish(), wish(), wish())) == 1


def test_a_name_is_one_for_each_actor_target_and_effects() -> None:
    other_target = Wish(make.AGENT, replace(scale_to(3), target=replace(scale_to(3).target, name="x")), wish().effects)
    names = {draft_name(wish(3)), draft_name(wish(actor=make.BOB)), draft_name(other_target)}
    assert draft_name(wish(3)) == draft_name(wish(2))
    assert len(names) == 3
    long = replace(scale_to(3), target=replace(scale_to(3).target, name="a" * 253))
    assert len(draft_name(replace(wish(), change=long))) <= 63
