"""What a load met while something was done to the cluster, added up. Pure: no cluster, no clock.

Answers alone are not believed. That an unsigned change got through is counted from the objects
(`Losses`), and that a replica was alive is taken from what was measured meanwhile (`Lifeline`).
"""

import bisect
import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# A look at the replicas takes up to so many seconds, in which one of them may come back.
SLACK = 1.5


class Kind(enum.Enum):
    """What the gate owes a request."""

    GATED = "gated"  # Nobody signed it: it never passes.
    SIGNED = "signed"  # It passes once.
    ASKED = "asked"  # May be gated, and is not: it passes while a replica can be asked.
    FREE = "free"  # Surely not gated: it passes with or without a webhook.


class Fate(enum.Enum):
    """How a request ended, by its answer."""

    PASSED = "passed"
    DENIED = "denied"  # The gate said no, or that it is undecided.
    HELD_UP = "held up"  # The API server could not ask the gate.
    MOOT = "moot"  # What it is about does not exist any more.
    UNAVAILABLE = "unavailable"  # The API server itself could not serve it.
    BROKEN = "broken"  # The connection ended without an answer.


class Service(enum.Enum):
    """What the webhook's Service led to at one moment."""

    SERVING = "serving"  # Every replica that it leads to is alive.
    FAILING_OVER = "failing over"  # It, or a kept connection, still leads to a dead one, beside one that is alive.
    CUT_OFF = "cut off"  # Replicas are alive, and the API server does not answer them.
    DOWN = "down"  # None is alive.


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and its answer."""

    sender: str
    kind: Kind
    fate: Fate
    began: float
    ended: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """How many replicas were alive at one moment, how many dead ones were still led to, and the API server."""

    at: float
    alive: int
    astray: int
    api: bool = True

    @property
    def service(self) -> Service:
        if self.alive == 0:
            return Service.DOWN
        if self.astray:
            return Service.FAILING_OVER
        return Service.SERVING if self.api else Service.CUT_OFF


@dataclass(frozen=True, slots=True)
class Lifeline:
    """The samples of one load, in the order of time."""

    samples: tuple[Sample, ...]

    def during(self, began: float, ended: float) -> set[Service]:
        """All that was measured from before `began` until after `ended`.

        And one sample more on either side: both of one look say what it found, and that may have changed while it
        was looking.
        """
        times = [sample.at for sample in self.samples]
        first = max(bisect.bisect_right(times, began) - 2, 0)
        last = bisect.bisect_left(times, ended) + 2
        return {sample.service for sample in self.samples[first:last]}

    def struck(self, at: float) -> "Lifeline":
        """The same, knowing that one of several replicas died at this moment.

        One that is back before the next look was never seen to be dead, though what it had begun is lost.
        """
        strike = Sample(at, alive=1, astray=1)
        return Lifeline(tuple(sorted((*self.samples, strike, strike), key=lambda sample: sample.at)))


@dataclass(frozen=True, slots=True)
class Losses:
    """What the objects themselves say, after the load."""

    unsigned: tuple[tuple[str, int], ...] = ()  # changes that nobody signed, and how often each happened
    repeated: tuple[str, ...] = ()  # signed changes that happened more than once
    used: int = 0  # signed changes that happened


@dataclass(frozen=True, slots=True)
class Tally:
    """The sums, and everything that must not have happened."""

    requests: int
    gated_admitted: tuple[tuple[str, int], ...]
    repeated: tuple[str, ...]
    signed_used: int
    refused_while_alive: tuple[Sent, ...]
    in_failover: tuple[Sent, ...]
    stopped_while_down: tuple[Sent, ...]
    cut_off: tuple[Sent, ...]
    unavailable: tuple[Sent, ...]
    broken: tuple[Sent, ...]
    passed_while_down: Counter[str] = field(compare=False)
    recovered: float = 0.0
    """Seconds from the beginning of the disturbance to the last answer that was not as always."""
    was_down: bool = False

    def line(self, name: str) -> str:
        """The one line that is printed for a disturbance."""
        return (
            f"{name}: {self.requests} requests, gated admitted unsigned {sum(n for _, n in self.gated_admitted)}, "
            f"ungated refused with a replica alive {len(self.refused_while_alive)}, "
            f"in failover {len(self.in_failover)}, with none alive {len(self.stopped_while_down)}, "
            f"with no API server {len(self.cut_off)}; signed used {self.signed_used}, twice {len(self.repeated)}; "
            f"not served {len(self.unavailable)}, connections broken {len(self.broken)}; "
            f"recovered in {self.recovered:.1f}s"
        )


def tally(sent: Sequence[Sent], lifeline: Lifeline, losses: Losses, disturbed_at: float) -> Tally:
    """Add up one load."""
    refused: dict[Service, list[Sent]] = {service: [] for service in Service}
    for one in sent:
        if _is_refusal(one):
            refused[_blame(one, lifeline)].append(one)
    leaks = Counter(one.sender for one in sent if one.kind is Kind.GATED and one.fate is Fate.PASSED)
    return Tally(
        requests=len(sent),
        gated_admitted=(*losses.unsigned, *((f"the answer to {name!r}", n) for name, n in leaks.items())),
        repeated=losses.repeated,
        signed_used=losses.used,
        refused_while_alive=tuple(refused[Service.SERVING]),
        in_failover=tuple(refused[Service.FAILING_OVER]),
        stopped_while_down=tuple(refused[Service.DOWN]),
        cut_off=tuple(refused[Service.CUT_OFF]),
        unavailable=tuple(one for one in sent if one.fate is Fate.UNAVAILABLE),
        broken=tuple(one for one in sent if one.fate is Fate.BROKEN),
        passed_while_down=_passed_while_down(sent, lifeline),
        recovered=max((one.ended - disturbed_at for one in sent if not is_usual(one)), default=0.0),
        was_down=any(sample.service is Service.DOWN for sample in lifeline.samples),
    )


def _blame(one: Sent, lifeline: Lifeline) -> Service:
    """What explains a refusal; with nothing measured that does, the gate was serving."""
    if one.kind is Kind.FREE:
        return Service.SERVING
    around = lifeline.during(one.began, one.ended)
    return next((it for it in (Service.DOWN, Service.FAILING_OVER, Service.CUT_OFF) if it in around), Service.SERVING)


def _is_refusal(one: Sent) -> bool:
    """An ungated request that a gate stood in the way of."""
    return one.kind in (Kind.ASKED, Kind.FREE) and one.fate in (Fate.DENIED, Fate.HELD_UP)


def is_usual(one: Sent) -> bool:
    """As it is answered where nothing is wrong; a signed one may meet either verdict."""
    usual = {
        Kind.GATED: {Fate.DENIED, Fate.MOOT},
        Kind.SIGNED: {Fate.DENIED, Fate.PASSED},
        Kind.ASKED: {Fate.PASSED},
        Kind.FREE: {Fate.PASSED},
    }
    return one.fate in usual[one.kind]


def _passed_while_down(sent: Sequence[Sent], lifeline: Lifeline) -> Counter[str]:
    """By sender: what passed while no replica was alive from beginning to end."""
    return Counter(one.sender for one in sent if one.fate is Fate.PASSED and _only_down(one, lifeline))


def _only_down(one: Sent, lifeline: Lifeline) -> bool:
    # That an asked one passed is a fault, so there must be no doubt that nobody was there to ask.
    slack = SLACK if one.kind is Kind.ASKED else 0.0
    return lifeline.during(one.began - slack, one.ended + slack) == {Service.DOWN}
