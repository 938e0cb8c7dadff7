"""Sign-offs: what each human's word is now, which approvals count, and what is still missing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.narrowing import UNNARROWED, Narrowing, meet_of
from cutline.domain.requirement import Requirement
from cutline.domain.signoff import Approvals, Decision, Signoff, approvals, last_words, objections, of_proposal
from cutline.domain.user import HumanPredicate, User
from tests import builders as make
from tests import strategies as some

APPROVE, REJECT, REVOKE = Decision.APPROVE, Decision.REJECT, Decision.REVOKE
PROPOSAL = make.make_proposal()


def said(decision: Decision, minutes: float, by: User = make.ALICE, **fields: Any) -> Signoff:
    """What somebody said so many minutes ago."""
    name = fields.pop("name", f"{by.username}-{decision}-{minutes}")
    return make.make_signoff(PROPOSAL, by, decision, created=make.ago(minutes=minutes), name=name, **fields)


def counted(*signoffs: Signoff, requirement: Iterable[Requirement] = (), now: Any = make.NOW) -> Approvals:
    demand = tuple(requirement) or (make.make_requirement(),)
    return approvals(PROPOSAL, signoffs, demand, make.HUMANS, now)


# --- each author's word


@pytest.mark.parametrize(
    ("words", "last"),
    [
        ([(APPROVE, 5)], APPROVE),
        ([(APPROVE, 5), (REVOKE, 4)], REVOKE),
        ([(APPROVE, 5), (REVOKE, 4), (APPROVE, 3)], APPROVE),
        ([(REJECT, 5), (APPROVE, 4)], APPROVE),
        ([(APPROVE, 5), (REJECT, 4)], REJECT),
        ([(APPROVE, 5), (REJECT, 5)], REJECT),
        ([(APPROVE, 5), (REVOKE, 5)], REVOKE),
        ([(REJECT, 5), (REVOKE, 5)], REJECT),
        ([(APPROVE, 5), (REVOKE, 5), (REJECT, 5)], REJECT),
    ],
)
def test_the_latest_word_stands_and_in_one_second_the_one_against(words: list[Any], last: Decision) -> None:
    for order in permutations([said(decision, minutes) for decision, minutes in words]):
        assert last_words(order)["alice"].decision is last


def test_people_speak_for_themselves_alone() -> None:
    now = last_words([said(REJECT, 5), said(APPROVE, 1, make.BOB)])
    assert {author: one.decision for author, one in now.items()} == {"alice": REJECT, "bob": APPROVE}


def test_standing_objections_are_told_by_author() -> None:
    words = [said(REVOKE, 3, make.SAM), said(REJECT, 5, make.BOB), said(REJECT, 5), said(APPROVE, 4)]
    assert [one.by.username for one in objections(words)] == ["bob", "sam"]


def test_signoffs_belong_to_the_very_proposal_by_uid_and_namespace() -> None:
    mine = said(APPROVE, 5)
    again = make.make_proposal(uid="made-again")
    elsewhere = make.make_proposal(namespace="elsewhere")
    others = [make.make_signoff(again), make.make_signoff(elsewhere)]
    assert of_proposal(PROPOSAL, [*others, mine]) == (mine,)


# --- which approvals count


@pytest.mark.parametrize(
    ("signoff", "counts"),
    [
        (said(APPROVE, 5), True),
        (said(REJECT, 5), False),
        (said(APPROVE, 5, digest="sha256:0"), False),
        (said(APPROVE, 5, make.AGENT), False),
        (said(APPROVE, 5, make.ROBOT), False),
        (said(APPROVE, 5, make.VISITOR), False),
        (said(APPROVE, 5, User("carol", "", ("seniors",))), False),
        (said(APPROVE, 5, User("dave", "", ("sre", "system:masters"))), False),
        (said(APPROVE, 5, User("erin", "", ())), False),
    ],
    ids=["human", "a no", "other digest", "agent", "robot in sre", "not asked", "not asked 2", "masters", "no group"],
)
def test_only_the_approvals_of_humans_who_were_asked_count(signoff: Signoff, counts: bool) -> None:
    assert bool(counted(signoff).counted) is counts


def test_a_human_cannot_approve_what_he_proposed() -> None:
    own = make.make_proposal(proposer=make.ALICE)
    signoffs = [make.make_signoff(own, make.ALICE), make.make_signoff(own, make.BOB)]
    result = approvals(own, signoffs, [make.make_requirement()], make.HUMANS, make.NOW)
    assert [one.by for one in result.counted] == [make.BOB]


def test_a_human_counts_once() -> None:
    twice = [said(APPROVE, 5), said(APPROVE, 4, name="again")]
    assert [one.name for one in counted(*twice).counted] == ["again"]


@pytest.mark.parametrize(("after", "counts"), [(-1, True), (0, True), (1, False)])
def test_an_approval_is_in_time_until_decide_by(after: int, counts: bool) -> None:
    when = PROPOSAL.decide_by + timedelta(seconds=after)
    late = make.make_signoff(PROPOSAL, created=when)
    assert bool(counted(late, now=when).counted) is counts


@pytest.mark.parametrize(("after", "counts"), [(-1, True), (0, True), (1, False)])
@pytest.mark.parametrize(
    ("valid_for", "line", "narrowed", "limit"),
    [
        (15, None, None, 15),
        (15, 10, None, 10),
        (15, None, 5, 5),
        (5, 10, 15, 5),
        (60, None, None, 30),
        (60, 45, 50, 30),
    ],
)
def test_an_approval_lasts_as_long_as_the_shortest_of_all_limits(
    valid_for: int, line: int | None, narrowed: int | None, limit: int, after: int, counts: bool
) -> None:
    proposal = make.make_proposal(valid_for=timedelta(minutes=valid_for))
    narrowing = Narrowing(valid_for=timedelta(minutes=narrowed)) if narrowed else UNNARROWED
    signoff = make.make_signoff(proposal, narrowing=narrowing)
    demand = make.make_requirement(valid_for=timedelta(minutes=line) if line else None)
    now = signoff.created + timedelta(minutes=limit, seconds=after)
    result = approvals(proposal, [signoff], [demand], make.HUMANS, now)
    assert bool(result.counted) is counts
    assert bool(result.expired) is not counts


def test_what_was_taken_away_is_the_meet_of_what_counts() -> None:
    one = said(APPROVE, 5, narrowing=Narrowing(replicas=2, pods=frozenset({"a", "b"})))
    other = said(APPROVE, 4, make.BOB, narrowing=Narrowing(replicas=3, pods=frozenset({"b", "c"})))
    robot = said(APPROVE, 4, make.ROBOT, narrowing=Narrowing(replicas=9))
    assert counted(one, other, robot).narrowing == Narrowing(replicas=3, pods=frozenset({"b"}))


@given(st.lists(some.narrowings, max_size=4), st.randoms(use_true_random=False))
def test_the_meet_does_not_depend_on_the_order(narrowings: list[Narrowing], random: Any) -> None:
    shuffled = random.sample(narrowings, len(narrowings))
    assert meet_of(shuffled) == meet_of(narrowings)


@given(some.narrowings, some.narrowings)
def test_the_meet_takes_away_what_either_takes_away(one: Narrowing, other: Narrowing) -> None:
    both = one.meet(other)
    for part in (one, other):
        assert part.replicas is None or (both.replicas is not None and both.replicas >= part.replicas)
        assert part.pods is None or (both.pods is not None and both.pods <= part.pods)
        assert part.valid_for is None or (both.valid_for is not None and both.valid_for <= part.valid_for)
    assert one.meet(UNNARROWED) == one.meet(one) == one


# --- what is missing

A_SENIOR = "1 approval from seniors who are in sre"


@pytest.mark.parametrize(
    ("requirement", "signers", "missing"),
    [
        (make.make_requirement(), [], ("1 approval from sre",)),
        (make.make_requirement(), [make.ALICE], ()),
        (make.make_requirement(), [make.VISITOR], ("1 approval from sre",)),
        (make.make_requirement(2), [make.ALICE], ("1 approval from sre",)),
        (make.make_requirement(3), [], ("3 approvals from sre",)),
        (make.make_requirement(groups=["sre", "dba"]), [], ("1 approval from dba or sre",)),
        (make.make_requirement(2, including=[("seniors", 1)]), [make.ALICE, make.BOB], (A_SENIOR,)),
        # How many people it takes, although one of them has to be a senior.
        (make.make_requirement(3, including=[("seniors", 1)]), [], ("3 approvals from sre, 1 of them from seniors",)),
        (
            make.make_requirement(3, including=[("seniors", 1)]),
            [make.ALICE],
            ("2 approvals from sre, 1 of them from seniors",),
        ),
        (make.make_requirement(3, including=[("seniors", 1)]), [make.ALICE, make.BOB], (A_SENIOR,)),
        (make.make_requirement(3, including=[("seniors", 1)]), [make.SAM], ("2 approvals from sre",)),
        (make.make_requirement(2, including=[("seniors", 1)]), [make.SAM], ("1 approval from sre",)),
        (make.make_requirement(2, including=[("seniors", 1)]), [make.SAM, make.BOB], ()),
        (make.make_requirement(2, including=[("seniors", 2)]), [make.SAM, make.BOB], (A_SENIOR,)),
        (
            make.make_requirement(including=[("seniors", 1)]),
            [User("carol", "", ("seniors",))],
            (A_SENIOR,),
        ),
        (
            make.make_requirement(2, including=[("seniors", 1), ("dba", 2)]),
            [],
            ("2 approvals from sre, 1 of them from seniors, 2 of them from dba",),
        ),
    ],
)
def test_what_is_missing_is_told(requirement: Requirement, signers: list[User], missing: tuple[str, ...]) -> None:
    assert requirement.missing(signers) == missing


@given(some.requirements, st.lists(some.people, unique=True), some.people)
def test_one_more_signer_never_leaves_more_to_want(demand: Requirement, signers: list[User], more: User) -> None:
    if not demand.missing(signers):
        assert not demand.missing([*signers, more])


def test_a_requirement_reads_as_people_say_it() -> None:
    demand = make.make_requirement(2, including=[("seniors", 1)])
    assert demand.describe() == "2 approvals from sre, 1 of them from seniors"
    assert make.make_requirement(groups=["b", "a"]).describe() == "1 approval from a or b"
    assert demand.name == "production/seed-line"


# --- who is human


@pytest.mark.parametrize(
    ("user", "human"),
    [
        (make.ALICE, True),
        (User("alice", "", ("sre",)), True),
        (User("alice", "", ("other",)), False),
        (User("alice", "", ()), False),
        (User("", "", ("sre",)), False),
        (make.ROBOT, False),
        (User("robot", "", ("sre", "system:serviceaccounts")), False),
        (User("robot", "", ("sre", "system:serviceaccounts:agents")), False),
        (User("system:node:node-1", "", ("sre",)), False),
        (User("kubelet", "", ("sre", "system:nodes")), False),
        (User("admin", "", ("sre", "system:masters")), False),
        (User("system:admin", "", ("sre",)), False),
        (User("alice", "", ("sre", "system:authenticated")), True),
    ],
)
def test_who_counts_as_a_person(user: User, human: bool) -> None:
    assert HumanPredicate(frozenset({"sre"})).accepts(user) is human


def test_without_groups_nobody_is_a_person() -> None:
    assert not HumanPredicate(frozenset()).accepts(make.ALICE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (User("a"), User("a"), True),
        (User("a", "1"), User("a", "1"), True),
        (User("a", "1"), User("a", "2"), False),
        (User("a", "1"), User("a"), True),
        (User("a", "1"), User("b", "1"), False),
        (User("a", groups=("x",)), User("a", groups=("y",)), True),
    ],
)
def test_an_account_is_its_name_and_its_uid(one: User, other: User, same: bool) -> None:
    assert one.is_same_as(other) is other.is_same_as(one) is same


# --- one person, whatever the name looks like


def test_a_rejection_gives_way_only_to_the_account_that_said_it() -> None:
    again = replace(make.ALICE, uid="made-again")
    rejected = said(REJECT, 5, replace(make.ALICE, uid="first"))
    assert objections((rejected, said(APPROVE, 1, again))) == (rejected,)
    assert objections((rejected, said(APPROVE, 1, replace(make.ALICE, uid="first")))) == ()


@pytest.mark.parametrize("name", ["Alice", "alice ", "\uff41lice"])
def test_nobody_is_counted_twice_by_another_spelling_of_the_name(name: str) -> None:
    other = replace(make.ALICE, username=name)
    assert len(counted(said(APPROVE, 5), said(APPROVE, 1, other)).counted) == 1
    proposal = make.make_proposal(proposer=other)
    signed = make.make_signoff(proposal, make.ALICE, created=make.ago(minutes=1))
    assert approvals(proposal, (signed,), (make.make_requirement(),), make.HUMANS, make.NOW).counted == ()
