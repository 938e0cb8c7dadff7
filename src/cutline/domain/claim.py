"""A claim: the record that a signed change was let through, and so the use of it.

The API server lets exactly one creator of a name win; that is what makes a use happen
once, across replicas and API servers. Nothing else counts uses, and nothing that the
operator writes about a claim is read here.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cutline.domain.actions.pod_removal import why_harsher_than_used
from cutline.domain.change import Change
from cutline.domain.live import Live
from cutline.domain.user import User

# The API server gives up a request after 34 seconds; one second for its clock's grain.
RETRY_WINDOW = timedelta(seconds=35)
_NAME_PREFIX = 40
_NAME_HASH = 16


def claim_name(proposal_name: str, proposal_uid: str, change_digest: str) -> str:
    """The name under which the one use of a signed change is recorded."""
    seed = f"{proposal_uid}\n{change_digest}".encode()
    text = base64.b32encode(hashlib.sha256(seed).digest()).decode().lower()
    prefix = proposal_name[:_NAME_PREFIX].strip("-.")
    return f"{prefix}-{text[:_NAME_HASH]}"


@dataclass(frozen=True, slots=True)
class Claim:
    """An `AdmittedChange` as far as the gate reads it again.

    `change` is the change that was requested then; `generation` and
    `resource_version` are the target's before it.
    """

    name: str
    created: datetime
    proposal_uid: str
    signed_digest: str
    change: Change
    actor: User
    generation: int | None
    resource_version: str


def why_spent(claim: Claim, change: Change, actor: User, live: Live, now: datetime) -> str:
    """Why a request is not the same use as `claim`; the empty string if it is.

    Judged from the live target alone (reference: requests retried by the API server,
    by a client, or refused further down the line, are the same use until it happened).
    """
    if not actor.is_same_as(claim.actor):
        return f"was used by {claim.actor.username}"
    if claim.change.target != change.target:
        return "was used on another object"
    if change.removes_pod:
        return why_harsher_than_used(change, claim.change, live.grace_seconds)
    if claim.change.digest != change.digest:
        return "was used for another change"
    if _is_unmoved(claim, change, live):
        return ""
    if now - claim.created < RETRY_WINDOW and _may_be_a_retry(claim, change, live):
        return ""
    return "was used already, and a signature is good for one use"


def _is_unmoved(claim: Claim, change: Change, live: Live) -> bool:
    """The target still stands as it did when the use was claimed, so it has not happened."""
    if _counts_generations(claim, change):
        return claim.generation == live.generation
    return claim.resource_version == live.resource_version


def _may_be_a_retry(claim: Claim, change: Change, live: Live) -> bool:
    """Whether somebody else's write may have come between the claim and this attempt.

    Where the change moves the generation, the change and its undoing move it by two at
    least: one step can only be another's write. Where it does not (labels; nodes, which
    have no generation) this cannot be told from the same actor repeating A-B-A.
    """
    if not _counts_generations(claim, change) or claim.generation is None or live.generation is None:
        return True
    return live.generation - claim.generation <= 1


def _counts_generations(claim: Claim, change: Change) -> bool:
    return claim.generation is not None and any(field.is_within("/spec") for field in change.fields)
