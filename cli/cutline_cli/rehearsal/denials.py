"""A denial by the gate, read from the `Status` that the API server answered with.

The gate writes machine-readable causes beside its message: the change in canonical form,
the verdict, and what stood against each proposal. A refusal without them came from
somebody else (RBAC, another webhook) and is none of ours.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cutline.domain.change import Change, change_from_canonical
from cutline.domain.effect import Action, Effect
from cutline.domain.errors import BadObject
from cutline_cli.exits import CliError, without_prefix

CHANGE_CAUSE = "CutlineChange"
VERDICT_CAUSE = "CutlineVerdict"
_OURS = "Cutline"
FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Denial:
    """What the gate refused, and what it suggests to propose.

    `change` is `None` where the gate could not tell what was asked (an undecided
    verdict); `action` where nothing in this version can be proposed for it.
    """

    message: str
    conclusion: str
    reason: str
    effects: frozenset[Effect]
    action: Action | None
    change: Change | None
    objections: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OtherRefusal:
    """A request that somebody else refused."""

    message: str


def refusal_of(code: int, body: bytes) -> Denial | OtherRefusal | None:
    """What an answer refuses; `None` if it is no refusal, or no `Status` at all."""
    if code != FORBIDDEN:
        return None
    try:
        status = json.loads(body)
    except ValueError:
        return None
    if not isinstance(status, Mapping) or status.get("kind") != "Status":
        return None
    message = without_prefix(str(status.get("message") or "the API server refused the request"))
    causes = _causes(status)
    if VERDICT_CAUSE not in dict(causes):
        return OtherRefusal(message)
    return _denial(message, causes)


def _causes(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    return [
        (str(cause.get("reason", "")), str(cause.get("message", "")))
        for cause in (causes if isinstance(causes, list) else [])
        if isinstance(cause, Mapping) and str(cause.get("reason", "")).startswith(_OURS)
    ]


def _denial(message: str, causes: list[tuple[str, str]]) -> Denial:
    by_reason = dict(causes)
    try:
        verdict = json.loads(by_reason[VERDICT_CAUSE])
        effects = frozenset(Effect(name) for name in verdict.get("effects") or ())
        action = Action(verdict["action"]) if verdict.get("action") else None
        text = by_reason.get(CHANGE_CAUSE)
        change = change_from_canonical(text, f"details.causes[{CHANGE_CAUSE}]") if text else None
    except (ValueError, TypeError, AttributeError, BadObject) as error:
        # A gate of another version: to guess what it meant would be to sign a guess.
        raise CliError(f"the gate's denial cannot be read; is this CLI of the gate's version? ({error})") from error
    return Denial(
        message=message,
        conclusion=str(verdict.get("conclusion") or ""),
        reason=str(verdict.get("reason") or ""),
        effects=effects,
        action=action,
        change=change,
        objections=tuple(
            (reason.removeprefix(_OURS), said) for reason, said in causes if reason not in (CHANGE_CAUSE, VERDICT_CAUSE)
        ),
    )
