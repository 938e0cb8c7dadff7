"""What the gate concluded, and separately what it will do."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cutline.domain.change import Change
from cutline.domain.effect import Effect
from cutline.domain.policy import MatchedLine
from cutline.domain.proposal import Proposal, SignedChange
from cutline.domain.signoff import Signoff


class Conclusion(StrEnum):
    """What is true of the request. An error is `Undecided`, never `Unsigned`."""

    NOT_GATED = "NotGated"
    SIGNED = "Signed"
    UNSIGNED = "Unsigned"
    UNDECIDED = "Undecided"


class Response(StrEnum):
    """What the gate answers the API server."""

    ADMIT = "Admit"
    WARN = "Warn"  # admit, and tell the client what would have been denied
    DENY = "Deny"


class Reason(StrEnum):
    """Why; one word for logs, metrics and machine-readable causes."""

    EXEMPT_IDENTITY = "ExemptIdentity"
    NO_EFFECT = "NoEffect"
    NO_LINE = "NoLine"
    COVERED = "Covered"
    EMERGENCY = "Emergency"
    NO_PROPOSAL = "NoProposal"
    NOT_COVERED = "NotCovered"
    STALE_POLICIES = "StalePolicies"
    BROKEN_POLICY = "BrokenPolicy"
    NOT_READY = "NotReady"
    UNRECOGNISED = "Unrecognised"
    INTERNAL_ERROR = "InternalError"
    NO_TARGET = "NoTarget"


class Objection(StrEnum):
    """One thing that keeps one proposal from covering one change."""

    TAMPERED = "Tampered"
    OUT_OF_REACH = "OutOfReach"
    NOT_EXACT = "NotExact"
    UNSIGNED_EFFECT = "UnsignedEffect"
    DRIFTED = "Drifted"
    REJECTED = "Rejected"
    REVOKED = "Revoked"
    APPROVALS_MISSING = "ApprovalsMissing"
    APPROVAL_EXPIRED = "ApprovalExpired"
    DECISION_OVERDUE = "DecisionOverdue"
    EMERGENCY_OVER = "EmergencyOver"
    WRONG_ACTOR = "WrongActor"
    SPENT = "Spent"


_HUMAN_WORDS = frozenset({Objection.REJECTED, Objection.REVOKED})


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """An objection with what a person has to know about it."""

    objection: Objection
    text: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One proposal held against one change: covered when nothing was found against it.

    `entry` is the signed change that comes nearest; `valid_for` is how long an approval may
    be used under every limit; `is_claimed` says that this very use was claimed before and is
    still under way.
    """

    proposal: Proposal
    entry: SignedChange
    findings: tuple[Finding, ...]
    counted: tuple[Signoff, ...] = ()
    valid_for: timedelta = timedelta(0)
    is_claimed: bool = False
    claim_name: str = ""

    @property
    def covers(self) -> bool:
        return not self.findings

    @property
    def is_decided(self) -> bool:
        """Whether a human's word about it stands: that says more than a draft nobody has looked at."""
        return bool(self.counted) or any(finding.objection in _HUMAN_WORDS for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion about one request, the response to it, and everything that explains both."""

    conclusion: Conclusion
    response: Response
    reason: Reason
    effects: frozenset[Effect] = frozenset()
    lines: tuple[MatchedLine, ...] = ()
    change: Change | None = None
    covering: Evaluation | None = None
    evaluations: tuple[Evaluation, ...] = ()
    detail: str = ""

    @property
    def is_denied(self) -> bool:
        return self.response is Response.DENY

    @property
    def needs_claim(self) -> bool:
        """Whether the answer may only be given once its use has been claimed."""
        return self.conclusion is Conclusion.SIGNED


def not_gated(reason: Reason, change: Change | None = None, effects: frozenset[Effect] = frozenset()) -> Verdict:
    """Nothing here that anybody has to sign."""
    return Verdict(Conclusion.NOT_GATED, Response.ADMIT, reason, effects=effects, change=change)


def without_target(detail: str) -> Verdict:
    """What the request names is not there: nothing to sign, and nothing to let through."""
    return Verdict(Conclusion.NOT_GATED, Response.DENY, Reason.NO_TARGET, detail=detail)


def undecided(reason: Reason, detail: str, change: Change | None = None) -> Verdict:
    """The gate could not tell; inside a gated scope that is a denial."""
    return Verdict(Conclusion.UNDECIDED, Response.DENY, reason, change=change, detail=detail)
