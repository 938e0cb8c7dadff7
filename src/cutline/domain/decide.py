"""The decision: a total pure function of a change, its actor and a snapshot.

It reads what was written, never what was concluded: no status, no conditions. The order
in which policies, proposals and sign-offs stand in the snapshot does not matter.
"""

from cutline.domain.change import Change
from cutline.domain.effect import Effect
from cutline.domain.effects import effects_of
from cutline.domain.evaluate import Demand, evaluate
from cutline.domain.policy import Enforcement, MatchedLine, denying, lines_of, may_leave_lines
from cutline.domain.snapshot import Snapshot
from cutline.domain.user import User
from cutline.domain.verdict import Conclusion, Evaluation, Reason, Response, Verdict, not_gated, undecided


def decide(change: Change, actor: User, snapshot: Snapshot) -> Verdict:
    """Judge `change` by `actor` in the state that `snapshot` holds.

    Raises `MissingFact` if the snapshot lacks something the decision depends on; the
    caller answers that like every other error, with an undecided verdict.
    """
    policies, world = snapshot.policies, snapshot.world
    policies_are_known = policies.is_fresh and not policies.broken

    # Nothing here is hard to take back, and nothing leaves a policy's reach.
    effects = effects_of(change, world, policies)
    if not effects and (policies_are_known or not may_leave_lines(change, world)):
        return not_gated(Reason.NO_EFFECT, change)

    # There may be a line that cannot be seen.
    if not policies.is_fresh:
        return undecided(Reason.STALE_POLICIES, "the policies could not be read for a minute", change)
    if policies.broken:
        return undecided(Reason.BROKEN_POLICY, f"cannot read policy {', '.join(policies.broken)}", change)

    # No line is drawn here, neither in the old state nor in the new.
    lines = lines_of(change, effects, world, policies)
    if not lines:
        return not_gated(Reason.NO_LINE, change, effects)

    # Lines are drawn, but only to be seen.
    demanding = denying(lines)
    if not demanding:
        return _observed(change, effects, lines)

    # Humans have signed exactly this change.
    demand = Demand(change, actor, effects, demanding)
    evaluations = _evaluations(demand, snapshot)
    covering = next((evaluation for evaluation in evaluations if evaluation.covers), None)
    if covering is not None:
        return _signed(demand, covering)

    # Nobody has, or not all of it, or not in time.
    return Verdict(
        conclusion=Conclusion.UNSIGNED,
        response=Response.DENY,
        reason=Reason.NOT_COVERED if evaluations else Reason.NO_PROPOSAL,
        effects=effects,
        lines=demanding,
        change=change,
        evaluations=evaluations,
    )


def _observed(change: Change, effects: frozenset[Effect], lines: tuple[MatchedLine, ...]) -> Verdict:
    warns = any(line.policy.enforcement is Enforcement.WARN for line in lines)
    return Verdict(
        conclusion=Conclusion.UNSIGNED,
        response=Response.WARN if warns else Response.ADMIT,
        reason=Reason.NO_PROPOSAL,
        effects=effects,
        lines=lines,
        change=change,
    )


def _evaluations(demand: Demand, snapshot: Snapshot) -> tuple[Evaluation, ...]:
    """Every proposal about this object, the one that comes nearest first.

    A use that is under way comes before an unused one: a retry never burns a second signature.
    """
    found = (evaluate(candidate, demand, snapshot) for candidate in snapshot.candidates)
    return tuple(
        sorted(
            (evaluation for evaluation in found if evaluation is not None),
            key=lambda evaluation: (
                len(evaluation.findings),
                not evaluation.is_claimed,
                evaluation.entry.change.digest != demand.change.digest,
                evaluation.proposal.emergency is not None,
                not evaluation.is_decided,
                evaluation.proposal.created,
                evaluation.proposal.key,
            ),
        )
    )


def _signed(demand: Demand, covering: Evaluation) -> Verdict:
    is_emergency = covering.proposal.emergency is not None
    return Verdict(
        conclusion=Conclusion.SIGNED,
        response=Response.ADMIT,
        reason=Reason.EMERGENCY if is_emergency else Reason.COVERED,
        effects=demand.effects,
        lines=demand.lines,
        change=demand.change,
        covering=covering,
        evaluations=(covering,),
    )
