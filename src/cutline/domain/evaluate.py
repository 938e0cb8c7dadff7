"""One proposal held against one change: every objection, in a stable order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cutline.domain import claim as claims
from cutline.domain.change import Change
from cutline.domain.covering import uncovered
from cutline.domain.drift import moved_baseline
from cutline.domain.duration import format_duration
from cutline.domain.effect import Action, Effect
from cutline.domain.exempt import is_part_of_kubernetes
from cutline.domain.policy import MatchedLine
from cutline.domain.proposal import Proposal, SignedChange
from cutline.domain.requirement import Requirement
from cutline.domain.signoff import Approvals, Decision, approvals, objections
from cutline.domain.snapshot import Candidate, Settings, Snapshot
from cutline.domain.user import User
from cutline.domain.verdict import Evaluation, Finding, Objection


@dataclass(frozen=True, slots=True)
class Demand:
    """What a change needs, whoever proposed it: its effects, and the lines it crosses."""

    change: Change
    actor: User
    effects: frozenset[Effect]
    lines: tuple[MatchedLine, ...]


def evaluate(candidate: Candidate, demand: Demand, snapshot: Snapshot) -> Evaluation | None:
    """Hold `candidate` against the change; `None` if it says nothing about this object."""
    requirement = requirements_of(candidate.proposal, demand.lines)
    counted = counted_approvals(candidate, requirement, snapshot.settings, snapshot.now)
    common = (
        *_integrity(candidate.proposal, demand, snapshot),
        *_signatures(candidate, requirement, counted, snapshot),
        *_actor(candidate.proposal, demand, counted),
    )
    options = [
        _with_entry(entry, candidate, demand, snapshot, counted, common)
        for entry in candidate.proposal.changes
        if entry.change.target.is_named_like(demand.change.target)
    ]
    if not options:
        return None
    return min(options, key=lambda option: (len(option.findings), option.entry.change.digest))


def requirements_of(proposal: Proposal, lines: Iterable[MatchedLine]) -> tuple[Requirement, ...]:
    """What was demanded when the proposal was made and what is demanded now, each once."""
    demanded = {*proposal.requirement, *(line.requirement for line in lines)}
    return tuple(sorted(demanded, key=lambda requirement: (requirement.name, requirement.describe())))


def counted_approvals(
    candidate: Candidate, requirement: Iterable[Requirement], settings: Settings, now: datetime
) -> Approvals:
    """The approvals that count now, under the shortest life that any requirement grants."""
    return approvals(candidate.proposal, candidate.signoffs, requirement, settings.humans, now)


def missing_approvals(requirement: Iterable[Requirement], counted: Approvals) -> tuple[str, ...]:
    """What every requirement together still wants, each want once, in order."""
    return tuple(sorted({want for one in requirement for want in one.missing(counted.signers)}))


def _with_entry(
    entry: SignedChange,
    candidate: Candidate,
    demand: Demand,
    snapshot: Snapshot,
    counted: Approvals,
    common: tuple[Finding, ...],
) -> Evaluation:
    claim = candidate.claim_of(entry.change.digest)
    spent = claims.why_spent(claim, demand.change, demand.actor, snapshot.world.live, snapshot.now) if claim else ""
    findings = [*common, *_exactness(entry, demand, counted, snapshot)]
    if spent:
        findings.append(Finding(Objection.SPENT, f"it {spent}"))
    proposal = candidate.proposal
    return Evaluation(
        proposal=proposal,
        entry=entry,
        findings=tuple(sorted(findings)),
        counted=counted.counted,
        valid_for=counted.life,
        is_claimed=claim is not None and not spent,
        claim_name=claims.claim_name(proposal.name, proposal.uid, entry.change.digest),
    )


def _integrity(proposal: Proposal, demand: Demand, snapshot: Snapshot) -> Iterator[Finding]:
    if proposal.digest != proposal.stored_digest:
        yield Finding(Objection.TAMPERED, "its digest is not that of its content")
    if not _reaches(proposal, demand.change, snapshot):
        yield Finding(Objection.OUT_OF_REACH, f"a proposal in {proposal.namespace} cannot authorise this object")


def _reaches(proposal: Proposal, change: Change, snapshot: Snapshot) -> bool:
    """Own namespace; from Cutline's own namespace also what has none, or is losing it, or is drained."""
    is_system = proposal.namespace == snapshot.settings.system_namespace
    namespace = snapshot.world.namespace
    is_terminating = namespace is not None and namespace.is_terminating
    if not change.target.namespace or is_terminating:
        return is_system
    if proposal.namespace == change.target.namespace:
        return True
    return is_system and proposal.action is Action.DRAIN


def _exactness(entry: SignedChange, demand: Demand, counted: Approvals, snapshot: Snapshot) -> Iterator[Finding]:
    world = snapshot.world
    # What was signed for its own effects, too: half of a signed change is another change.
    effects = demand.effects | entry.effects
    for text in uncovered(entry.change, demand.change, effects, counted.narrowing, world):
        yield Finding(Objection.NOT_EXACT, text)
    for effect in sorted(demand.effects - entry.effects):
        yield Finding(Objection.UNSIGNED_EFFECT, f"{effect.value} was not signed")
    for text in moved_baseline(entry, demand.effects & entry.effects, demand.change, world):
        yield Finding(Objection.DRIFTED, text)


def _signatures(
    candidate: Candidate, requirement: tuple[Requirement, ...], counted: Approvals, snapshot: Snapshot
) -> Iterator[Finding]:
    proposal, now, humans = candidate.proposal, snapshot.now, snapshot.settings.humans
    for signoff in objections(candidate.signoffs):
        word = Objection.REJECTED if signoff.decision is Decision.REJECT else Objection.REVOKED
        yield Finding(word, f"{word.value.lower()} by {signoff.by.username}")
    if proposal.emergency is not None:
        if not humans.accepts(proposal.proposer):
            yield Finding(Objection.WRONG_ACTOR, "only a human can call an emergency")
        if now > proposal.emergency_ends:
            yield Finding(Objection.EMERGENCY_OVER, f"its {format_duration(proposal.emergency_life)} are over")
        return
    missing = missing_approvals(requirement, counted)
    if not missing and counted.counted:
        return
    for want in missing or ("1 approval",):
        yield Finding(Objection.APPROVALS_MISSING, want)
    for signoff in counted.expired:
        yield Finding(Objection.APPROVAL_EXPIRED, f"the approval by {signoff.by.username} has expired")
    if now > proposal.decide_by:
        yield Finding(Objection.DECISION_OVERDUE, "the time to decide is over: propose again")


def _actor(proposal: Proposal, demand: Demand, counted: Approvals) -> Iterator[Finding]:
    if is_part_of_kubernetes(demand.actor):
        yield Finding(Objection.WRONG_ACTOR, "a controller carries out orders: the order has to be signed")
    if not demand.actor.is_same_as(proposal.proposer):
        yield Finding(Objection.WRONG_ACTOR, f"only its proposer {proposal.proposer.username} may use it")
    if any(demand.actor.may_be(signer) for signer in counted.signers):
        yield Finding(Objection.WRONG_ACTOR, "who signed it may not use it")
