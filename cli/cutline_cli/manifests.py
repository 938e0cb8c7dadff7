"""The objects that the CLI writes: what a person would write by hand, and nothing more.

Who proposes or signs, the exact changes, the requirement and the digest are the gate's
to add. Pure: flags in, objects out.
"""

import argparse
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from cutline.api.proposals import API_VERSION, KIND
from cutline.domain.duration import MAX_DECIDE_WITHIN, MAX_VALID_FOR, format_duration, parse_duration
from cutline.domain.effect import Action
from cutline.domain.errors import BadObject
from cutline.domain.signoff import Decision
from cutline_cli.exits import UsageError
from cutline_cli.targets import TypedTarget, proposal_name

JsonObject = dict[str, Any]
_EVIDENCE_KEYS = ("source", "claim", "link")


def why_of(arguments: argparse.Namespace) -> JsonObject:
    """`spec.why` from the flags that every way to propose has."""
    why: JsonObject = {"summary": arguments.summary}
    if arguments.incident:
        why["incident"] = arguments.incident
    if arguments.confidence:
        why["confidence"] = arguments.confidence.capitalize()
    if arguments.evidence:
        why["evidence"] = [evidence_of(text) for text in arguments.evidence]
    return why


def evidence_of(text: str) -> JsonObject:
    """One `--evidence source=…,claim=…,link=…`; a comma in a value is kept.

    Only a comma before the next key ends a value, since claims are sentences.
    """
    parts: JsonObject = {}
    current = ""
    for piece in text.split(","):
        key, equals, value = piece.partition("=")
        if equals and key.strip() in _EVIDENCE_KEYS and key.strip() not in parts:
            current = key.strip()
            parts[current] = value
        elif current:
            parts[current] += f",{piece}"
        else:
            raise UsageError(
                f"--evidence {text!r}: begin with source=, for example source=prometheus,claim=5xx at 12 %"
            )
    missing = [key for key in ("source", "claim") if not parts.get(key)]
    if missing:
        raise UsageError(
            f"--evidence {text!r}: {' and '.join(missing)} missing; write source=NAME,claim=TEXT[,link=URL]"
        )
    return parts


def proposal(
    arguments: argparse.Namespace,
    *,
    action: Action,
    target: TypedTarget,
    namespace: str,
    parameters: Mapping[str, Any] | None = None,
    changes: Sequence[str] = (),
    emergency: Mapping[str, str] | None = None,
) -> JsonObject:
    """A `RemediationProposal` to create; `changes` are canonical texts out of a denial."""
    spec: JsonObject = {
        "action": action.value,
        "target": {"group": target.kind.group, "kind": target.kind.kind, "name": target.name},
        **(parameters or {}),
        "why": why_of(arguments),
    }
    if changes:
        spec["changes"] = [{"canonical": text} for text in changes]
    for key, flag, value, longest in (
        ("decideWithin", "--decide-within", arguments.decide_within, MAX_DECIDE_WITHIN),
        ("validFor", "--valid-for", arguments.valid_for, MAX_VALID_FOR),
    ):
        if value:
            spec[key] = checked_duration(value, flag, longest)
    if emergency:
        spec["emergency"] = dict(emergency)
    name = arguments.name or proposal_name("emergency" if emergency else action.value, target.name)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def checked_duration(text: str, flag: str, longest: timedelta) -> str:
    """`text` as it is, once it is known to be a duration of at most `longest`."""
    try:
        duration = parse_duration(text, flag)
    except BadObject as error:
        raise UsageError(str(error)) from error
    if duration > longest:
        raise UsageError(f"{flag}: {text} is too long; at most {format_duration(longest)}")
    return text


def signoff(
    *,
    name: str,
    namespace: str,
    proposal_name: str,
    digest: str,
    decision: Decision,
    reason: str,
    narrow: Mapping[str, Any] | None = None,
) -> JsonObject:
    """A `Signoff` to create."""
    spec: JsonObject = {"proposal": proposal_name, "digest": digest, "decision": decision.value, "reason": reason}
    if narrow:
        spec["narrow"] = dict(narrow)
    return {
        "apiVersion": API_VERSION,
        "kind": "Signoff",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
