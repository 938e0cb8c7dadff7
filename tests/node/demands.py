"""What a disturbance is allowed to cost, and the list of everything beyond it. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.node.tally import Kind, Sent, Tally

ENOUGH = 3  # times that a sender must have sent before its silence says anything


@dataclass(frozen=True, slots=True)
class Allowed:
    """The costs that a disturbance may have. Unsigned changes are never among them."""

    failover: bool = False
    """A replica dies or stands still without notice: until the Service knows and the connections to it are closed,
    requests for a verdict may meet it."""
    down: bool = False
    """No replica is left for a while: whatever may be gated stops, the rest must not."""
    api: bool = False
    """The API server itself is away for a while."""


def faults(tally: Tally, sent: Sequence[Sent], allowed: Allowed) -> list[str]:
    """Everything that was not allowed, in words; empty where all is well."""
    found = [f"admitted unsigned: {what}, {n} times" for what, n in tally.gated_admitted]
    found += [f"used more than once: {use}" for use in tally.repeated]
    found += _told("refused with a replica alive", tally.refused_while_alive)
    if not allowed.failover:
        found += _told("refused during a failover", tally.in_failover)
    if not allowed.down:
        found += _told("refused with no replica alive", tally.stopped_while_down)
    if not allowed.api:
        found += _told("refused for want of the API server", tally.cut_off)
        found += _told("not served by the API server", tally.unavailable)
        found += _told("cut off by the API server", tally.broken)
    if allowed.down:
        found += _missing_while_down(tally, sent)
    counted = Counter(one.sender for one in sent)
    return found + [f"{sender} sent only {n} requests" for sender, n in counted.items() if n < ENOUGH]


def _missing_while_down(tally: Tally, sent: Iterable[Sent]) -> list[str]:
    """Both sides: with no replica alive, what is asked about stops and everything else goes on."""
    if not tally.was_down:
        return ["there was always a replica alive"]
    found = [] if tally.stopped_while_down else ["nothing was stopped while no replica was alive"]
    kinds = {one.sender: one.kind for one in sent}
    for sender, kind in kinds.items():
        passed = tally.passed_while_down[sender]
        if kind is Kind.FREE and passed == 0:
            found.append(f"{sender} did not pass once while no replica was alive")
        if kind is Kind.ASKED and passed:
            found.append(f"{sender} passed {passed} times while no replica was alive")
    return found


def _told(what: str, requests: Sequence[Sent]) -> list[str]:
    """One line per sender: how often, and the first answer."""
    first: dict[str, Sent] = {}
    for one in requests:
        first.setdefault(one.sender, one)
    counted = Counter(one.sender for one in requests)
    return [f"{what}: {sender}, {counted[sender]} times, {one.detail[:300]}" for sender, one in first.items()]
