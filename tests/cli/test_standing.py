"""Where a proposal stands, for those who may read everything and for those who may not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cutline.domain.claim import claim_name
from cutline.domain.lifecycle import Phase
from cutline.domain.signoff import Decision
from cutline.domain.user import HumanPredicate
from cutline_cli.standing import Record, phase_of, signed_of, standing_now
from cutline_cli.waiting import is_there, may_come
from tests.cli.samples import AGENT, ALICE, HUMANS, NOW, SAM, record, signoff

_SOON = NOW + timedelta(minutes=2)


def phase(subject: Record, humans: HumanPredicate | None = HUMANS) -> tuple[Phase, str]:
    standing = standing_now(subject, humans, _SOON)
    return phase_of(subject, standing), signed_of(standing)


def with_status(subject: Record, **status: object) -> Record:
    return replace(subject, tree={**subject.tree, "status": status})


def test_approvals_are_counted_without_the_operator() -> None:
    assert phase(record()) == (Phase.PENDING, "0/2")
    assert phase(record(signoff(ALICE))) == (Phase.PENDING, "1/2")
    assert phase(record(signoff(ALICE), signoff(SAM))) == (Phase.APPROVED, "2/2")
    assert phase(record(signoff(ALICE), signoff(SAM, Decision.REJECT))) == (Phase.REJECTED, "1/2")


def test_what_the_status_concludes_approves_nothing() -> None:
    assert phase(with_status(record(), phase="Approved", signed="2/2")) == (Phase.PENDING, "0/2")
    assert phase(with_status(record(), phase="Nonsense")) == (Phase.PENDING, "0/2")


def test_a_drift_that_only_the_operator_has_seen_is_shown() -> None:
    assert phase(with_status(record(), phase="Stale"))[0] is Phase.STALE


def test_those_who_may_not_read_the_configuration_still_count_no_machine() -> None:
    assert phase(record(signoff(ALICE), signoff(SAM)), humans=None) == (Phase.APPROVED, "2/2")
    robot = replace(AGENT, username="system:serviceaccount:agents:other", groups=("system:serviceaccounts", "sre"))
    assert phase(record(signoff(SAM), signoff(robot)), humans=None) == (Phase.PENDING, "1/2")


def test_uses_come_from_the_status_where_the_records_may_not_be_read() -> None:
    subject = record(signoff(ALICE), signoff(SAM))
    (entry,) = subject.proposal.changes
    name = claim_name(subject.proposal.name, subject.proposal.uid, entry.change.digest)
    hidden = replace(subject, uses=None)
    assert phase(hidden)[0] is Phase.APPROVED
    assert phase(with_status(hidden, claims=[{"name": name, "state": "Claimed"}]))[0] is Phase.USED
    assert phase(with_status(hidden, claims=[{"name": name, "state": "Settled"}]))[0] is Phase.COMPLETED
    assert phase(with_status(hidden, claims=[{"name": "another", "state": "Settled"}]))[0] is Phase.APPROVED


def test_whoever_waits_for_an_approval_is_content_with_a_use() -> None:
    assert is_there(Phase.APPROVED, Phase.APPROVED)
    assert is_there(Phase.COMPLETED, Phase.APPROVED)
    assert not is_there(Phase.PENDING, Phase.APPROVED)
    assert not is_there(Phase.APPROVED, Phase.USED)


@pytest.mark.parametrize("ended", [Phase.REJECTED, Phase.REVOKED, Phase.EXPIRED, Phase.STALE, Phase.COMPLETED])
def test_waiting_ends_where_nothing_more_can_come(ended: Phase) -> None:
    assert not may_come(ended, Phase.APPROVED)
    assert may_come(Phase.PENDING, ended)
    assert may_come(Phase.USED, Phase.COMPLETED)
