"""Waiting until a proposal stands where somebody wants it, or cannot get there as things stand.

Watches say when to look again; what is seen is worked out from the objects each time.
With the operator down an approval is therefore noticed all the same.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

from cutline.domain.lifecycle import Phase, Standing
from cutline.kube.errors import Forbidden, Gone, KubeError, NotFound, Unauthorized, Unavailable
from cutline.kube.resources import PROPOSALS, SIGNOFFS, ResourceRef
from cutline_cli.exits import Missing, Refused, TimedOut
from cutline_cli.records import read_record
from cutline_cli.session import Session
from cutline_cli.standing import Record, phase_of, signed_of, standing_now

# Time alone expires a proposal, and an admitted change is written to another namespace:
# no watch tells of either.
_LOOK_AGAIN_SECONDS = 3.0
_AFTER_AN_ERROR_SECONDS = 1.0
# Where a phase has been passed through, waiting for it is over.
_LATER = {
    Phase.APPROVED: frozenset({Phase.USED, Phase.COMPLETED}),
    Phase.USED: frozenset({Phase.COMPLETED}),
}
# Phases that lead to no approval as things stand. Whoever rejected or revoked can take that back, and a
# target may return to what was signed; but whoever waits had better be told.
_ENDED = frozenset({Phase.REJECTED, Phase.EXPIRED, Phase.STALE, Phase.REVOKED, Phase.USED, Phase.COMPLETED})


async def wait_for(session: Session, name: str, wanted: Phase, limit: timedelta) -> tuple[Phase, str]:
    """Until the proposal is in the phase `wanted`, or past it; that phase, and how far it is signed.

    Raises `Refused` once it cannot get there as things stand, `TimedOut` after `limit`.
    """
    last = "not been seen yet"
    try:
        async with asyncio.timeout(limit.total_seconds()), _changes(session) as changed:
            humans = await session.humans()
            first = await _look(session, name)
            record = first
            while True:
                changed.clear()
                if record.proposal.uid != first.proposal.uid:
                    raise Missing(f"proposal {name} was deleted and made again; kubectl cutline show {name}")
                standing = standing_now(record, humans, session.now())
                phase, signed = phase_of(record, standing), signed_of(standing)
                last = f"been {phase.value}, signed {signed}"
                if is_there(phase, wanted):
                    return phase, signed
                if not may_come(phase, wanted):
                    raise Refused(f"{name} is {phase.value}, so waiting for {wanted.value} ends here{_why(standing)}")
                await _until(changed)
                record = await _look(session, name)
    except TimeoutError:
        raise TimedOut(f"{name} is not {wanted.value} in time; it has {last}") from None


def is_there(phase: Phase, wanted: Phase) -> bool:
    """Whether whoever waits for `wanted` has nothing left to wait for."""
    return phase is wanted or phase in _LATER.get(wanted, frozenset())


def may_come(phase: Phase, wanted: Phase) -> bool:
    """Whether a proposal in `phase` can get to `wanted`, as things stand."""
    if phase is Phase.USED:
        return wanted in (Phase.COMPLETED, Phase.REJECTED, Phase.REVOKED)
    return phase not in _ENDED


def _why(standing: Standing) -> str:
    if not standing.objections:
        return ""
    return f": {', '.join(f'{one.decision.value} by {one.by.username} ({one.reason})' for one in standing.objections)}"


async def _look(session: Session, name: str) -> Record:
    while True:
        try:
            return await read_record(session, name)
        except Unavailable:
            # An API server that restarts is no reason to give up before the time is over.
            await asyncio.sleep(_AFTER_AN_ERROR_SECONDS)


async def _until(changed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
            await changed.wait()
    except TimeoutError:
        return


@asynccontextmanager
async def _changes(session: Session) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever a proposal or sign-off of the namespace changes."""
    changed = asyncio.Event()
    tasks = [asyncio.create_task(_watch(session, ref, changed)) for ref in (PROPOSALS, SIGNOFFS)]
    try:
        yield changed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(session: Session, ref: ResourceRef, changed: asyncio.Event) -> None:
    version = ""
    while True:
        try:
            if not version:
                version = (await session.client.listing(ref, session.namespace)).resource_version
            events = session.client.watch(ref, namespace=session.namespace, resource_version=version)
            async with aclosing(events):
                async for event in events:
                    version = event.resource_version or version
                    changed.set()
        except (Forbidden, Unauthorized, NotFound):
            # The regular look does without, or says what is wrong.
            return
        except Gone:
            version = ""
        except KubeError:
            version = ""
        # A server, or something before it, that ends every watch at once must not be flooded.
        await asyncio.sleep(_AFTER_AN_ERROR_SECONDS)
