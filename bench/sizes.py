"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rounds alternate between the two sides; more of them, not longer ones, make up for a noisy machine."""

    review_rounds: int
    closed_seconds: float
    open_seconds: float
    warm_up_seconds: float
    request_rounds: int
    requests: int
    """Per case, variant and round."""
    paced_requests: int
    """The same where requests come apart: what the gate reads from the API server for."""


FULL = Sizes(
    review_rounds=5,
    closed_seconds=1.0,
    open_seconds=2.0,
    warm_up_seconds=0.2,
    request_rounds=5,
    requests=40,
    paced_requests=15,
)
QUICK = Sizes(
    review_rounds=2,
    closed_seconds=0.4,
    open_seconds=0.5,
    warm_up_seconds=0.1,
    request_rounds=2,
    requests=15,
    paced_requests=5,
)
CONNECTIONS = 4
# Requests per second of the open loop: far below what either side can do, so that a latency is the
# time of an answer and not of a queue. The slow rate is for big reviews and for those that read.
RATE = 50.0
SLOW_RATE = 20.0
