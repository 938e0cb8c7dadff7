"""How a judgement is told: a message for people, and the same in causes for programs."""

import json
from typing import Any

import pytest

from cutline.domain.change import change_from_canonical
from cutline.domain.decide import decide
from cutline.domain.difference import Field
from cutline.domain.policy import Enforcement
from cutline.domain.snapshot import Snapshot
from cutline.domain.tree import ABSENT
from cutline.domain.verdict import Reason, undecided
from cutline_webhook.answers import answer_to, causes_of
from cutline_webhook.gate import Judgement
from tests import builders as make


def answered(snapshot: Snapshot, change: Any = None) -> Any:
    verdict = decide(change or make.make_change(), make.AGENT, snapshot)
    judgement = Judgement(verdict, snapshot.now, snapshot.world)
    return json.loads(answer_to(make.make_request(), judgement, make.SYSTEM))["response"]


def causes(response: Any) -> dict[str, str]:
    return {cause["reason"]: cause["message"] for cause in response["status"]["details"]["causes"]}


def test_a_signed_change_is_allowed_without_a_word() -> None:
    assert answered(make.signed_snapshot()) == {"uid": "request-uid", "allowed": True}


def test_a_warning_policy_warns_and_an_auditing_one_is_silent() -> None:
    warns, audits = (
        make.make_policies(make.make_policy(enforcement=one)) for one in (Enforcement.WARN, Enforcement.AUDIT)
    )
    response = answered(make.make_snapshot(policies=warns))
    assert response["allowed"] is True
    assert response["warnings"] == ["Cutline: ScaleDown of deployment/web (shop) 5 -> 3 needs a signed proposal."]
    assert answered(make.make_snapshot(policies=audits)) == {"uid": "request-uid", "allowed": True}


def test_a_denial_carries_the_exact_change_for_a_proposal_to_come() -> None:
    response = answered(make.make_snapshot())
    assert response["allowed"] is False
    assert response["status"]["message"].startswith("ScaleDown of deployment/web (shop) 5 -> 3")
    told = causes(response)
    assert change_from_canonical(told["CutlineChange"], "f") == make.make_change()
    summary = json.loads(told["CutlineVerdict"])
    assert (summary["conclusion"], summary["reason"], summary["action"]) == ("Unsigned", "NoProposal", "ScaleDown")
    assert summary["lines"] == [{"policy": "production", "line": "seed-line", "requirement": "1 approval from sre"}]


def test_every_objection_is_a_cause_with_the_proposal_that_it_is_about() -> None:
    response = answered(make.signed_snapshot(by=[]))
    (cause,) = [one for one in response["status"]["details"]["causes"] if one["reason"] == "CutlineApprovalsMissing"]
    assert (cause["message"], cause["field"]) == ("1 approval from sre", "shop/web-to-3")


def test_an_undecided_request_is_denied_and_not_by_a_policy() -> None:
    verdict = undecided(Reason.STALE_POLICIES, "the policies could not be read for a minute")
    response = json.loads(answer_to(make.make_request(), Judgement(verdict, make.NOW), make.SYSTEM))["response"]
    assert response["allowed"] is False
    assert json.loads(causes(response)["CutlineVerdict"])["conclusion"] == "Undecided"


@pytest.mark.parametrize(("length", "told"), [(1_000, True), (70_000, False)])
def test_a_change_too_large_for_an_answer_is_left_out(length: int, told: bool) -> None:
    change = make.make_change(None, Field("/spec/note", ABSENT, "x" * length), Field("/spec/replicas", 5, 3))
    verdict = decide(change, make.AGENT, make.make_snapshot())
    assert any(cause["reason"] == "CutlineChange" for cause in causes_of(verdict)) is told
