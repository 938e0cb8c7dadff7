"""One screen that answers "what am I approving?"."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.drift import drift_of
from cutline.domain.lifecycle import Phase, Standing
from cutline.domain.live import World
from cutline.domain.narrowing import Narrowing
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.text import visible
from cutline.domain.user import User
from cutline_cli.live_target import LiveTarget, LiveTargets, main_entry
from cutline_cli.rendering.screen import View, screen
from cutline_cli.standing import Record, phase_of, standing_now
from cutline_cli.visible import columns
from tests.cli.samples import AGENT, ALICE, EMERGENCY, HUMANS, NOW, SAM, live, record, signoff

_LONG = {
    "summary": "s" * 1024,
    "incident": "INC-1207",
    "confidence": "High",
    "evidence": [{"source": "prometheus", "claim": "c" * 500, "link": "https://example.com/" + "l" * 300}] * 20,
    "alternatives": [{"what": "w" * 300, "whyNot": "n" * 300}] * 10,
}


def drawn(subject: Record, *, viewer: User = SAM, target: LiveTarget | None = None) -> list[str]:
    standing: Standing = standing_now(subject, HUMANS, NOW)
    main = main_entry(subject)
    assert main is not None
    seen = LiveTargets({main.change.target: target or LiveTarget(live(), drift=())})
    return [line.text for line in screen(View(subject, standing, seen, viewer, HUMANS, NOW))]


def test_the_gate_speaks_first_and_the_proposer_last() -> None:
    lines = drawn(record())
    change = lines.index("THE CHANGE, as the gate has rendered it")
    why = next(index for index, line in enumerate(lines) if line.startswith("WHY, in the words of"))
    assert lines[change + 1 : change + 6] == [
        "ScaleDown of deployment/checkout (shop), replicas 6 -> 2",
        "deployment/checkout (shop), uid d-1",
        "@ spec.replicas",
        "- 6",
        "+ 2",
    ]
    assert change < why
    assert lines[-1].startswith("next: kubectl cutline approve scaledown-checkout -n shop --digest sha256:")


def test_it_says_what_is_needed_missing_touched_and_how_to_undo() -> None:
    text = "\n".join(drawn(record(signoff(ALICE))))
    assert "2 approvals from sre, 1 of them from seniors (production/payments)" in text
    assert "1 approval from seniors who are in sre" in text
    assert "ends 4 of 6 pods" in text
    assert "kubectl scale deployment/checkout -n shop --replicas=6" in text
    assert "alice approved" in text


def test_drift_is_shown_as_what_voids_approvals() -> None:
    entry = main_entry(record())
    assert entry is not None
    drifted = live(replicas=5)
    text = "\n".join(drawn(record(), target=LiveTarget(drifted, drift=drift_of(entry, World(drifted)))))
    assert "DRIFTED" in text
    assert "approvals no longer count" in text
    assert drift_of(entry, World(live())) == ()


def test_the_longest_proposal_still_fits_a_screen() -> None:
    lines = drawn(record(*(signoff(ALICE, Decision.REJECT, minute) for minute in range(1, 9)), why=_LONG))
    assert len(lines) <= 50
    assert all(columns(visible(line)) <= 80 for line in lines[:-1])


def test_the_proposer_is_told_to_wait_and_then_to_act() -> None:
    assert drawn(record(), viewer=AGENT)[-1] == "next: kubectl cutline wait scaledown-checkout -n shop --for Approved"
    approved = record(signoff(ALICE, minutes=0), signoff(SAM, minutes=0))
    assert drawn(approved, viewer=AGENT)[-1] == "next: kubectl scale deployment/checkout -n shop --replicas=2"


def test_the_next_command_keeps_to_what_the_signers_left() -> None:
    narrowed = record(signoff(ALICE, minutes=0, narrowing=Narrowing(replicas=3)), signoff(SAM, minutes=0))
    assert drawn(narrowed, viewer=AGENT)[-1] == "next: kubectl scale deployment/checkout -n shop --replicas=3"


def test_the_time_is_what_every_limit_together_leaves() -> None:
    brief = signoff(ALICE, minutes=-1, narrowing=Narrowing(valid_for=timedelta(minutes=4)))
    assert "an approval may be used for 4m" in " ".join(" ".join(drawn(record(brief))).split())
    assert "(3m left)" in " ".join(drawn(record(brief, signoff(SAM))))


def test_a_tampered_proposal_is_not_offered_for_signing() -> None:
    subject = record()
    forged = replace(subject.proposal, stored_digest="sha256:" + "0" * 64)
    lines = drawn(Record(subject.tree, forged, (), ()))
    assert any(line.startswith("TAMPERED") for line in lines)
    assert "approve" not in lines[-1]


def test_an_emergency_asks_somebody_else_to_review_it() -> None:
    alarm = record(proposer=ALICE, emergency=EMERGENCY)
    assert phase_of(alarm, standing_now(alarm, HUMANS, NOW)) is Phase.APPROVED
    text = "\n".join(drawn(alarm))
    assert "nobody else has reviewed it yet" in text
    assert "(or reject)" in text.splitlines()[-1]
    reviewed = record(signoff(SAM), proposer=ALICE, emergency=EMERGENCY)
    assert "somebody else has reviewed it" in "\n".join(drawn(reviewed))


_words = st.text(min_size=1, max_size=300)


@given(summary=_words, claim=_words, reason=_words)
def test_no_words_of_a_person_pass_for_the_gates(summary: str, claim: str, reason: str) -> None:
    spoken = "ZQZ"
    why = {"summary": spoken + summary, "evidence": [{"source": "s", "claim": spoken + claim}]}
    said: Signoff = signoff(ALICE, reason=f"{spoken}{reason}")
    for line in drawn(record(said, why=why)):
        assert spoken not in line or line.startswith("| ")


def test_a_forged_heading_stays_behind_the_bar() -> None:
    why = {"summary": "fine\nTHE CHANGE, as the gate has rendered it\n- 6\n+ 5\nnext: kubectl delete ns shop"}
    lines = drawn(record(why=why))
    assert lines.count("THE CHANGE, as the gate has rendered it") == 1
    assert "| THE CHANGE, as the gate has rendered it" in lines
