"""One screen that answers "what am I approving?". Pure: facts in, lines out.

The gate's rendering and what was read live come first. What the proposer wrote comes
last, under a heading that says so, each of its lines behind a bar that nothing else on
the screen begins with.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cutline.domain.duration import format_duration
from cutline.domain.effect import Action
from cutline.domain.lifecycle import Phase, Standing
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.user import HumanPredicate, User
from cutline_cli.live_target import LiveTargets, state_words
from cutline_cli.rejections import Rejection
from cutline_cli.rendering.advice import next_command
from cutline_cli.rendering.consequences import touched, undo
from cutline_cli.rendering.entries import change_lines
from cutline_cli.rendering.fitting import counted
from cutline_cli.rendering.lines import BLANK, Line, Tone
from cutline_cli.rendering.times import ago, left, moment
from cutline_cli.rendering.why import own_words, why_lines
from cutline_cli.standing import Record, counts, phase_of, reviewed, signed_of
from cutline_cli.visible import words

WIDTH = 80
_LABEL = 9
_MOST_SIGNOFFS = 3
_MOST_TARGETS = 5
_VERBS = {Decision.APPROVE: "approved", Decision.REJECT: "REJECTED", Decision.REVOKE: "REVOKED"}


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the screen shows, read before it is drawn."""

    record: Record
    standing: Standing
    live: LiveTargets
    viewer: User
    humans: HumanPredicate | None
    now: datetime
    rejections: tuple[Rejection, ...] | None = ()

    @property
    def is_reviewed(self) -> bool:
        """Whether another human has said what he thinks of this emergency."""
        return reviewed(self.record, self.humans)

    @property
    def needs_review(self) -> bool:
        return self.record.proposal.emergency is not None and not self.is_reviewed

    @property
    def phase(self) -> Phase:
        return phase_of(self.record, self.standing)


def screen(view: View) -> list[Line]:
    """The whole screen; its last line is the command to type next."""
    return [
        *_head(view),
        BLANK,
        *_change(view),
        BLANK,
        *_world(view),
        BLANK,
        *_signatures(view),
        BLANK,
        *why_lines(view.record, WIDTH),
        BLANK,
        _next(view),
    ]


def labelled(label: str, text: str, tone: Tone = Tone.PLAIN) -> Iterator[Line]:
    """`text` behind a label, folded between words under its own first line."""
    first, *rest = words(text, WIDTH - _LABEL)
    yield Line(f"{label:<{_LABEL}}{first}", tone)
    for line in rest:
        yield Line(" " * _LABEL + line, tone)


def _next(view: View) -> Line:
    narrowing = view.standing.counted.narrowing
    command = next_command(view.record, view.phase, narrowing, view.viewer, needs_review=view.needs_review)
    return Line(f"next: {command}", Tone.HEADING)


def _head(view: View) -> Iterator[Line]:
    proposal = view.record.proposal
    target = f"{proposal.target.kind.lower()}/{proposal.target.name}"
    signed = "unsigned" if proposal.emergency else f"signed {signed_of(view.standing)}"
    title = f"{proposal.action.value} of {target}{_and_others(proposal)}: {view.phase.value}, {signed}"
    yield from (Line(text, Tone.HEADING) for text in words(title, WIDTH))
    by = f"{proposal.name} in {proposal.namespace}, by {proposal.proposer.username}"
    yield from labelled("proposal", f"{by}, {ago(proposal.created, view.now)}")
    yield Line(f"{'digest':<{_LABEL}}{proposal.digest}")
    if not view.record.is_untampered:
        yield from labelled(
            "TAMPERED", "the stored digest is another one; the gate will let nothing pass", Tone.WARNING
        )
    if proposal.emergency is not None:
        yield from labelled("ALARM", _emergency(view), Tone.WARNING)


def _and_others(proposal: Proposal) -> str:
    """How many objects beside the named target are changed; a drain's pods are what a drain is."""
    own = (proposal.target.group, proposal.target.kind, proposal.target.name)
    others = {
        entry.change.target
        for entry in proposal.changes
        if (entry.change.target.group, entry.change.target.kind, entry.change.target.name) != own
        and not (proposal.action is Action.DRAIN and entry.change.removes_pod)
    }
    return f" and {counted(len(others), 'other object')}" if others else ""


def _emergency(view: View) -> str:
    text = f"called as an emergency by {view.record.proposal.proposer.username} alone"
    return f"{text}; somebody else has reviewed it" if view.is_reviewed else f"{text}; nobody else has reviewed it yet"


def _change(view: View) -> Iterator[Line]:
    yield Line("THE CHANGE, as the gate has rendered it", Tone.HEADING)
    yield from change_lines(view.record.proposal, WIDTH)


def _world(view: View) -> Iterator[Line]:
    live = view.live
    yield from _now(live)
    if view.phase in (Phase.USED, Phase.COMPLETED):
        yield from labelled("", "after this proposal was used")
    elif live.drift:
        yield from labelled("DRIFTED", f"{'; '.join(live.drift)}: approvals no longer count", Tone.WARNING)
    elif live.drift is not None:
        yield from labelled("", f"as {'it was' if live.is_one else 'they were'} when this was proposed")
    for label, texts in (("touches", touched(view.record, live)), ("undo", undo(view.record, live))):
        for index, text in enumerate(texts):
            yield from labelled("" if index else label, text)
    yield from _before(view)


def _now(live: LiveTargets) -> Iterator[Line]:
    """The state of each target; of many only the first, and the number of the others."""
    label = "now"
    for target, seen in list(live.seen.items())[:_MOST_TARGETS]:
        text = seen.problem if seen.live is None else ", ".join(state_words(seen.live))
        tone = Tone.WARNING if seen.live is None else Tone.PLAIN
        yield from labelled(label, text if live.is_one else f"{target}: {text}", tone)
        label = ""
    more = len(live.seen) - _MOST_TARGETS
    if more > 0:
        yield from labelled(label, f"and {counted(more, 'more target')}")
    if live.unread:
        yield from labelled(label, f"and {counted(live.unread, 'pod')}, not looked at: they come and go")


def _before(view: View) -> Iterator[Line]:
    """That somebody has said no to the like of it already."""
    if view.rejections is None:
        yield from labelled("before", "unknown: you may not list the proposals here")
    elif view.rejections:
        latest, *others = view.rejections
        also = f"; and {counted(len(others), 'more rejection')}" if others else ""
        text = f"rejected by {latest.by} in proposal {latest.proposal}, {ago(latest.at, view.now)}{also}"
        yield from labelled("before", text, Tone.WARNING)


def _signatures(view: View) -> Iterator[Line]:
    proposal, standing = view.record.proposal, view.standing
    for requirement in standing.requirement:
        yield from labelled("needs", f"{requirement.describe()} ({requirement.name})")
    for signoff in _latest_first(view.record.signoffs):
        yield from _signoff_lines(view, signoff)
    if standing.missing and view.phase is Phase.PENDING:
        yield from labelled("missing", f"{'; '.join(standing.missing)}, other than {proposal.proposer.username}")
    yield from labelled("time", _limits(view))


def _limits(view: View) -> str:
    proposal, standing, now = view.record.proposal, view.standing, view.now
    if proposal.emergency is not None:
        end = proposal.emergency_ends
        return f"passes until {moment(end)} ({left(end, now)}), once"
    if standing.valid_until is not None:
        return f"may be used until {moment(standing.valid_until)} ({left(standing.valid_until, now)})"
    limits = f"to decide until {moment(proposal.decide_by)} ({left(proposal.decide_by, now)})"
    return f"{limits}; an approval may be used for {format_duration(standing.counted.life)}"


def _latest_first(signoffs: tuple[Signoff, ...]) -> list[Signoff]:
    return sorted(signoffs, key=lambda signoff: (signoff.created, signoff.name), reverse=True)[:_MOST_SIGNOFFS]


def _signoff_lines(view: View, signoff: Signoff) -> Iterator[Line]:
    note = "" if counts(signoff, view.standing) else " (does not count now)"
    tone = Tone.PLAIN if signoff.decision is Decision.APPROVE else Tone.WARNING
    text = (
        f"{signoff.by.username} {_VERBS[signoff.decision]} {ago(signoff.created, view.now)}{_narrowed(signoff)}{note}"
    )
    yield from labelled("signed", text, tone)
    yield from own_words(signoff.reason, WIDTH, most=1)


def _narrowed(signoff: Signoff) -> str:
    """What an approval took away from the proposal, in words."""
    narrowing, parts = signoff.narrowing, []
    if narrowing.replicas is not None:
        parts.append(f"no fewer than {narrowing.replicas} replicas")
    if narrowing.pods is not None:
        parts.append(f"only {', '.join(sorted(narrowing.pods))}")
    if narrowing.valid_for is not None:
        parts.append(f"for {format_duration(narrowing.valid_for)}")
    return f", {'; '.join(parts)}" if parts else ""
