"""The text of a denial: at most ten lines of eighty columns, the last one a command to type.

Nothing that a proposer wrote as prose is in it; names are the API server's own, which
admits no control characters in them.
"""

import textwrap
from collections.abc import Iterable
from datetime import datetime, timedelta

from cutline.domain.change import Verb
from cutline.domain.duration import format_duration
from cutline.domain.effect import Effect
from cutline.domain.kind import Role
from cutline.domain.render import action_of, headline_of
from cutline.domain.text import visible_beginning
from cutline.domain.verdict import Conclusion, Evaluation, Objection, Verdict

WIDTH = 80
_MOST_LINES = 10
_LONGEST_LINE = 1000
_INDENT = 11  # of what continues after a label
_PENDING = frozenset({Objection.APPROVALS_MISSING})


def denial(verdict: Verdict, now: datetime, system_namespace: str, node: str = "") -> str:
    """What the sender of a denied request reads; `node` is where a pod to be removed runs."""
    if verdict.conclusion is Conclusion.UNDECIDED:
        return _undecided(verdict, system_namespace)
    lines = _wrapped("", _headline(verdict))
    lines += _labelled("line:", _line_texts(verdict))
    nearest = _nearest(verdict)
    if nearest is not None:
        lines += _labelled("found:", [_found(nearest, now)])
        lines += _labelled("missing:", _missing(nearest))
    closing = _labelled("next:", [_next(verdict, nearest, system_namespace, node)], cap=False)
    return _shown([*lines[: _MOST_LINES - len(closing)], *closing])


def warning(verdict: Verdict) -> str:
    """What the sender of a request that passes under a `Warn` policy reads, on one line."""
    return visible_beginning(f"Cutline: {_headline(verdict)}", 120)


def _undecided(verdict: Verdict, system_namespace: str) -> str:
    return _shown(
        [
            _clip("Cutline is undecided about this request, so it is denied.", WIDTH),
            _clip(f"  reason:  {verdict.detail or verdict.reason.value}", WIDTH),
            "  hint:    try again in a moment; if it stays so, the platform team can see why",
            f"  next:    kubectl logs -n {system_namespace} deployment/cutline-webhook",
        ]
    )


def _headline(verdict: Verdict) -> str:
    change = verdict.change
    if change is None:
        return "This change needs a signed proposal."
    return f"{headline_of(change, verdict.effects)} needs a signed proposal."


def _line_texts(verdict: Verdict) -> list[str]:
    return [f"{line.requirement.name}: {line.requirement.describe()}" for line in verdict.lines]


def _found(evaluation: Evaluation, now: datetime) -> str:
    proposal = evaluation.proposal
    signers = ", ".join(signoff.by.username for signoff in evaluation.counted)
    unsigned = "an emergency" if proposal.emergency is not None else "not signed"
    signed = f"signed by {signers}" if signers else unsigned
    left = _about(_time_left(evaluation, now))
    return f"proposal {proposal.name} ({proposal.digest[:15]}...), {signed}, {left} left"


def _about(duration: timedelta) -> str:
    """A duration without its seconds, once there are minutes enough."""
    whole = timedelta(minutes=duration // timedelta(minutes=1))
    return format_duration(whole if whole >= timedelta(minutes=2) else duration)


def _time_left(evaluation: Evaluation, now: datetime) -> timedelta:
    proposal = evaluation.proposal
    if proposal.emergency is not None:
        return proposal.emergency_ends - now
    if not evaluation.counted:
        return proposal.decide_by - now
    return min(signoff.created for signoff in evaluation.counted) + evaluation.valid_for - now


def _missing(evaluation: Evaluation) -> list[str]:
    """What stands against the nearest proposal; of a spent one nothing else matters."""
    spent = [finding for finding in evaluation.findings if finding.objection is Objection.SPENT]
    return [finding.text for finding in spent or evaluation.findings]


def _nearest(verdict: Verdict) -> Evaluation | None:
    """The proposal worth telling about: of those that sign these effects of this object, the one
    for this very change, else the one with the least against it."""
    about = [one for one in verdict.evaluations if one.entry.effects >= verdict.effects and not _is_past(one)]
    return min(about, key=lambda one: not _is_exact(one, verdict), default=None)


def _is_past(evaluation: Evaluation) -> bool:
    """About another change of another state of the object, and used up or never signed."""
    objections = {finding.objection for finding in evaluation.findings}
    is_idle = not evaluation.counted or Objection.SPENT in objections
    return is_idle and objections >= {Objection.NOT_EXACT, Objection.DRIFTED}


def _is_exact(evaluation: Evaluation, verdict: Verdict) -> bool:
    return verdict.change is not None and evaluation.entry.change.digest == verdict.change.digest


def _next(verdict: Verdict, nearest: Evaluation | None, system_namespace: str, node: str) -> str:
    """The exact command that comes next for whoever was denied."""
    if nearest is not None and {finding.objection for finding in nearest.findings} <= _PENDING:
        return f"kubectl cutline show {nearest.proposal.name} -n {nearest.proposal.namespace}"
    return _propose(verdict, system_namespace, node)


def _propose(verdict: Verdict, system_namespace: str, node: str) -> str:
    change = verdict.change
    action = action_of(verdict.effects)
    if change is None or action is None:
        return "kubectl cutline propose --help"
    replicas = change.field("/spec/replicas")
    kind = change.target.kind.lower()
    if verdict.effects == {Effect.SCALE_DOWN} and replicas is not None and len(change.fields) == 1:
        what = f"scale-down {kind}/{change.target.name} --replicas {replicas.new}"
        return f"kubectl cutline propose {what} -n {change.target.namespace} --summary '...'"
    if verdict.effects == {Effect.DRAIN} and change.verb is Verb.UPDATE:
        return f"kubectl cutline propose drain {change.target.name} --summary '...'"
    if verdict.effects == {Effect.POD_REMOVAL} and change.verb is Verb.EVICT and node:
        return f"kubectl cutline propose drain {node} --summary '...'"
    namespace = change.target.namespace if change.target.kind_row.role is not Role.NODE else ""
    where = f" -n {namespace}" if namespace else f" -n {system_namespace}"
    return f"kubectl cutline propose{where} --summary '...' -- <this command>"


def _labelled(label: str, texts: Iterable[str], *, cap: bool = True) -> list[str]:
    """Texts under one label, wrapped to the width; a command stays on one line, to be copied."""
    lines = []
    for index, text in enumerate(texts):
        start = f"  {label if index == 0 else '':<{_INDENT - 2}}"
        lines += _wrapped(start, text) if cap else [start + text]
    return lines


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * (_INDENT if start else 2),
        max_lines=3,
        placeholder=" ...",
    )


def _shown(lines: Iterable[str]) -> str:
    """Names are other people's choice too: nothing in them may move the reader's terminal."""
    return "\n".join(visible_beginning(line, _LONGEST_LINE) for line in lines)


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
