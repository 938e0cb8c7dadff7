"""The order of a replacement, step by step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cutline_operator.certificate_reading import Serving
from cutline_operator.certificate_steps import CertificateState, Patience, Step, Wanted, next_step
from cutline_operator.certificates import issue, make_authority

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
PATIENCE = Patience(announce=timedelta(minutes=1), trust_former=timedelta(minutes=5))
FORMER, CURRENT = make_authority(NOW), make_authority(NOW + timedelta(seconds=1))
SERVING = issue(CURRENT, frozenset({"gate.example"}), NOW).serving
BOTH = (CURRENT.certificate, FORMER.certificate)

ALL_WELL = CertificateState((CURRENT.certificate,), SERVING, LONG_AGO, True, LONG_AGO)
CHANGING = replace(ALL_WELL, bundle=BOTH)
FIRST = CertificateState((), None, NOW, False, None)


def made() -> Serving:
    raise AssertionError("deciding makes nothing")


SERVED = Wanted((CURRENT.certificate,), True, made)
DUE = replace(SERVED, is_served=False)


@pytest.mark.parametrize(
    ("state", "wanted", "step"),
    [
        (FIRST, DUE, Step.SERVE),
        (ALL_WELL, SERVED, Step.NOTHING),
        (ALL_WELL, DUE, Step.SERVE),
        # Not trusted: not by anybody, then not yet by everybody, then by all.
        (replace(ALL_WELL, bundle=(FORMER.certificate,)), DUE, Step.ANNOUNCE),
        (replace(ALL_WELL, bundle=(FORMER.certificate,)), SERVED, Step.ANNOUNCE),
        (replace(CHANGING, trusted_since=None), DUE, Step.AWAIT_CONFIGURATION),
        (replace(CHANGING, trusted_since=NOW - timedelta(seconds=59)), DUE, Step.AWAIT_CONFIGURATION),
        (replace(CHANGING, trusted_since=NOW - timedelta(minutes=1)), DUE, Step.SERVE),
        # Nobody verifies anything, so nobody can lose trust.
        (replace(CHANGING, trusted_since=None, configurations_exist=False), DUE, Step.SERVE),
        # Without its Secret the webhook serves on.
        (replace(ALL_WELL, serving=None, trusted_since=None), DUE, Step.AWAIT_CONFIGURATION),
        (replace(ALL_WELL, serving=None, bundle=()), DUE, Step.ANNOUNCE),
        (replace(ALL_WELL, serving=None), SERVED, Step.SERVE),
        # The former one leaves last.
        (replace(CHANGING, served_since=NOW - timedelta(seconds=299)), SERVED, Step.AWAIT_REPLICAS),
        (replace(CHANGING, served_since=NOW - timedelta(minutes=5)), SERVED, Step.RETIRE),
        # Others may provide several authorities at once.
        (CHANGING, replace(SERVED, anchors=BOTH), Step.NOTHING),
    ],
)
def test_takes_one_step_at_a_time(state: CertificateState, wanted: Wanted, step: Step) -> None:
    assert next_step(state, wanted, PATIENCE, NOW) is step
