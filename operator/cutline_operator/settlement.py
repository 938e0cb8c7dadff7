"""What became of an admitted change, judged from the live target. Pure.

The gate answers before anything happens: other webhooks, a quota or a disruption budget may still
refuse the request. Only the target shows whether it happened.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cutline.domain.change import Verb
from cutline.domain.claim import RETRY_WINDOW, Claim
from cutline.domain.difference import Field, apply, difference
from cutline.domain.duration import MAX_VALID_FOR
from cutline.domain.lifecycle import ClaimState
from cutline.domain.live import Live

# After this nobody can use the claim again: the last approval has ended, and the last retry.
FINAL_AFTER: Final = MAX_VALID_FOR + RETRY_WINDOW
_SOONEST: Final = timedelta(seconds=1)
_LATEST: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A state with how it was concluded, in words."""

    state: ClaimState
    reason: str


def outcome_of(claim: Claim, live: Live | None, now: datetime) -> Outcome:
    """What became of `claim`; `live` is the object that now has the target's name, if there is one."""
    is_same = live is not None and live.target.uid == claim.change.target.uid
    in_time = now - claim.created < RETRY_WINDOW
    if claim.change.verb is not Verb.UPDATE:
        return _of_an_end(claim, live if is_same else None, in_time=in_time)
    if live is None or not is_same:
        return Outcome(ClaimState.SETTLED, "the target is gone")
    return _of_an_update(claim, live, in_time=in_time)


def _of_an_end(claim: Claim, live: Live | None, *, in_time: bool) -> Outcome:
    if live is None:
        return Outcome(ClaimState.SETTLED, f"{claim.change.target} with uid {claim.change.target.uid} is gone")
    if live.is_terminating:
        return Outcome(ClaimState.CLAIMED, "the target is terminating")
    if in_time:
        return Outcome(ClaimState.CLAIMED, "the target is still there")
    return Outcome(ClaimState.NEVER_HAPPENED, "the target is still there and is not terminating")


def _of_an_update(claim: Claim, live: Live, *, in_time: bool) -> Outcome:
    if _shows(live, claim.change.fields):
        return Outcome(ClaimState.SETTLED, "the target shows the new values")
    if in_time:
        return Outcome(ClaimState.CLAIMED, "the target does not show the new values yet")
    # Without generations (nodes) it cannot be told apart from a change that was taken back.
    unmoved = claim.generation is None or claim.generation == live.generation
    before = tuple(Field(field.path, field.new, field.old) for field in claim.change.fields)
    if unmoved and _shows(live, before):
        return Outcome(ClaimState.NEVER_HAPPENED, "the target still shows the old values")
    return Outcome(ClaimState.SETTLED, "the target has moved on since")


def _shows(live: Live, fields: tuple[Field, ...]) -> bool:
    """Whether writing `fields` would change nothing."""
    return not difference(live.content, apply(live.content, fields))


def is_final(claim: Claim, state: ClaimState, now: datetime) -> bool:
    """Whether nothing more can become of it. What never happened can be tried again for a while."""
    match state:
        case ClaimState.SETTLED:
            return True
        case ClaimState.NEVER_HAPPENED:
            return now - claim.created > FINAL_AFTER
        case ClaimState.CLAIMED:
            return False


def next_look(claim: Claim, now: datetime) -> datetime:
    """When to look again: soon at first, then ever later."""
    age = max(now - claim.created, timedelta())
    return now + min(max(age, _SOONEST), _LATEST)
