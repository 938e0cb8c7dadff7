"""Denials: at most ten lines of eighty columns, the last one a command to type."""

import unicodedata
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change, Verb
from cutline.domain.decide import decide
from cutline.domain.kind import NODE, POD
from cutline.domain.message import denial, warning
from cutline.domain.policy import Enforcement
from cutline.domain.signoff import Decision
from cutline.domain.snapshot import Snapshot
from cutline.domain.user import User
from cutline.domain.verdict import Reason, Verdict, undecided
from tests import builders as make
from tests import strategies as some
from tests import wire


def told(change: Change, snapshot: Snapshot, actor: User = make.AGENT, node: str = "") -> str:
    verdict = decide(change, actor, snapshot)
    assert verdict.is_denied
    return denial(verdict, snapshot.now, make.SYSTEM, node)


def assert_readable(text: str) -> None:
    lines = text.split("\n")
    assert len(lines) <= 10
    *others, last = lines
    assert all(len(line) <= 80 for line in others), text
    assert last.startswith("  next:    ")
    assert all(line.startswith("  ") for line in others[1:])


@given(some.decisions(gated=True))
def test_every_denial_fits_a_terminal(situation: tuple[Change, User, Snapshot]) -> None:
    change, actor, snapshot = situation
    verdict = decide(change, actor, snapshot)
    if verdict.is_denied:
        assert_readable(denial(verdict, snapshot.now, make.SYSTEM))


@given(st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=253), st.integers(1, 12))
def test_long_names_and_many_lines_do_not_overflow_it(name: str, count: int) -> None:
    lines = [make.make_line(f"{name}-{index}", requirement=make.make_requirement(2, [name])) for index in range(count)]
    live = make.make_live(tree=wire.make_workload(name=name))
    policies = make.make_policies(make.make_policy(*lines, name=name))
    snapshot = make.signed_snapshot(world=make.make_world(live), policies=policies, name=name)
    assert_readable(told(make.make_change(live), snapshot))


def test_a_denial_without_a_proposal_says_how_to_propose() -> None:
    assert told(make.make_change(), make.make_snapshot()) == (
        "ScaleDown of deployment/web (shop) 5 -> 3 needs a signed proposal.\n"
        "  line:    production/seed-line: 1 approval from sre\n"
        "  next:    kubectl cutline propose scale-down deployment/web --replicas 3 -n shop --summary '...'"
    )


def test_a_denial_of_a_pending_proposal_says_who_is_missing() -> None:
    strict = make.make_policies(make.make_policy(make.make_line(requirement=make.make_requirement(2))))
    text = told(make.make_change(), make.signed_snapshot(policies=strict))
    assert text.splitlines()[1:] == [
        "  line:    production/seed-line: 2 approvals from sre",
        *(line for line in text.splitlines() if "web-to-3 (sha256:" in line),
        "  missing: 1 approval from sre",
        "  next:    kubectl cutline show web-to-3 -n shop",
    ]
    assert "signed by alice, 10m left" in text


def test_a_denial_says_how_many_people_it_takes_though_one_of_them_must_be_somebody_special() -> None:
    demand = make.make_requirement(3, including=[("seniors", 1)])
    strict = make.make_policies(make.make_policy(make.make_line(requirement=demand)))
    text = told(make.make_change(), make.signed_snapshot(policies=strict, by=(), requirement=[demand]))
    assert "  missing: 3 approvals from sre, 1 of them from seniors" in text.splitlines()


def test_the_time_left_is_that_of_the_shortest_limit() -> None:
    strict = make.make_policies(
        make.make_policy(make.make_line(requirement=make.make_requirement(2, valid_for=timedelta(minutes=8))))
    )
    text = told(make.make_change(), make.signed_snapshot(policies=strict))
    assert "signed by alice, 3m left" in text


@pytest.mark.parametrize(
    ("change", "world", "node", "command"),
    [
        (
            make.make_change(make.make_live(POD), verb=Verb.EVICT),
            make.make_world(make.make_live(POD)),
            "node-1",
            "kubectl cutline propose drain node-1 --summary '...'",
        ),
        (
            make.make_change(make.make_live(POD), verb=Verb.DELETE),
            make.make_world(make.make_live(POD)),
            "node-1",
            "kubectl cutline propose -n shop --summary '...' -- <this command>",
        ),
        (
            make.make_change(make.make_live(NODE), verb=Verb.DELETE),
            make.make_world(make.make_live(NODE)),
            "",
            "kubectl cutline propose -n cutline-system --summary '...' -- <this command>",
        ),
    ],
)
def test_the_last_line_is_the_command_that_comes_next(change: Change, world: Any, node: str, command: str) -> None:
    text = told(change, make.make_snapshot(world=world), node=node)
    assert text.splitlines()[-1] == f"  next:    {command}"


def test_what_is_undecided_is_never_called_denied_by_a_policy() -> None:
    verdict = undecided(Reason.STALE_POLICIES, "the policies could not be read for a minute" + "!" * 99)
    text = denial(verdict, make.NOW, make.SYSTEM)
    assert_readable(text)
    assert text.startswith("Cutline is undecided about this request, so it is denied.\n")
    assert "policy" not in text.splitlines()[0]


def test_a_spent_proposal_is_told_as_spent_and_nothing_else() -> None:
    change, snapshot = make.make_change(), make.signed_snapshot()
    (candidate,) = snapshot.candidates
    claim = make.make_claim(candidate.proposal, change, snapshot.world.live, actor=make.BOB)
    text = told(change, replace(snapshot, candidates=(replace(candidate, claims=(claim,)),)))
    assert "  missing: it was used by bob" in text.splitlines()


def test_a_warning_is_one_line_that_a_header_takes() -> None:
    live = make.make_live(tree=wire.make_workload(name="w" * 253))
    policies = make.make_policies(make.make_policy(enforcement=Enforcement.WARN))
    verdict: Verdict = decide(
        make.make_change(live), make.AGENT, make.make_snapshot(world=make.make_world(live), policies=policies)
    )
    text = warning(verdict)
    assert text.startswith("Cutline: ScaleDown of deployment/www")
    assert len(text) <= 120
    assert "\n" not in text


# A user name is what an authenticator takes for one, and may hold anything.
@pytest.mark.parametrize("character", ["\u202e", "\x1b", "\u200b", "\x9b"])
def test_no_name_of_a_user_moves_the_terminal(character: str) -> None:
    mallory = User(f"mal{character}lory", "", ("sre",))
    snapshot = make.signed_snapshot()
    (candidate,) = snapshot.candidates
    rejected = make.make_signoff(candidate.proposal, mallory, Decision.REJECT)
    snapshot = replace(snapshot, candidates=(replace(candidate, signoffs=(*candidate.signoffs, rejected)),))
    text = told(make.make_change(), snapshot)
    assert "mal" in text
    assert not {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf")}
