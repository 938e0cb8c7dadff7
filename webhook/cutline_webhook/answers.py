"""How a judgement is told: a message for people, the same in causes for programs."""

from http import HTTPStatus

from cutline.api.review import allowed, denied
from cutline.domain.message import denial, warning
from cutline.domain.render import action_of
from cutline.domain.request import Request
from cutline.domain.tree import JsonObject, canonical
from cutline.domain.verdict import Reason, Response, Verdict
from cutline_webhook.gate import Judgement

_MOST_CAUSE_BYTES = 64 * 1024
_MOST_EVALUATIONS = 3  # the nearest ones


def answer_to(request: Request, judgement: Judgement, system_namespace: str) -> bytes:
    """The AdmissionReview that answers `request`."""
    verdict = judgement.verdict
    if verdict.reason is Reason.NO_TARGET:
        # As the API server itself would have answered.
        return denied(request.uid, verdict.detail, code=HTTPStatus.NOT_FOUND, reason="NotFound")
    if verdict.response is Response.DENY:
        node = judgement.world.live.node_name if judgement.world else ""
        message = denial(verdict, judgement.now, system_namespace, node)
        return denied(request.uid, message, causes=causes_of(verdict))
    if verdict.response is Response.WARN:
        return allowed(request.uid, warnings=(warning(verdict),))
    return allowed(request.uid)


def causes_of(verdict: Verdict) -> tuple[JsonObject, ...]:
    """The verdict, the exact change, and every objection, each a cause with a reason of ours."""
    causes: list[JsonObject] = [{"reason": "CutlineVerdict", "message": canonical(_summary(verdict))}]
    if verdict.change is not None:
        text = verdict.change.canonical
        if len(text.encode()) <= _MOST_CAUSE_BYTES:
            causes.append({"reason": "CutlineChange", "message": text})
    for evaluation in verdict.evaluations[:_MOST_EVALUATIONS]:
        causes += [
            {
                "reason": f"Cutline{finding.objection.value}",
                "message": finding.text,
                "field": evaluation.proposal.key,
            }
            for finding in evaluation.findings
        ]
    return tuple(causes)


def _summary(verdict: Verdict) -> JsonObject:
    action = action_of(verdict.effects)
    return {
        "conclusion": verdict.conclusion.value,
        "reason": verdict.reason.value,
        "effects": sorted(verdict.effects),
        "action": action.value if action else "",
        "target": dict(verdict.change.target.as_tree()) if verdict.change else {},
        "lines": [
            {"policy": line.policy_name, "line": line.line_name, "requirement": line.requirement.describe()}
            for line in verdict.lines
        ],
    }
