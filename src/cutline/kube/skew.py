"""How far the local clock is from the API server's, judged by the `Date` of its answers.

`Date` counts whole seconds, so one answer bounds the difference only to a second plus its round trip.
Every answer gives such an interval; the recent ones are intersected, and what is reported is the
value in it that is nearest to zero: the difference that is proved, never one that is merely possible.
"""

from collections import deque
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

_DATE_RESOLUTION: Final = 1.0
_WINDOW_SECONDS: Final = 120.0
_MAX_SAMPLES: Final = 32


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float  # monotonic seconds
    low: float  # local minus server, seconds
    high: float


class ClockSkew:
    """Collects answers; forgets them after two minutes."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_MAX_SAMPLES)

    def observe(self, date: str | None, sent_at: float, took: float, now_monotonic: float) -> None:
        """Note one answer: its `Date` header, the local time of sending, the seconds until it came.

        `sent_at` is in seconds since the epoch. A missing or malformed header is no evidence.
        """
        if date is None:
            return
        try:
            server = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        # The server wrote its clock down at some moment between sending and arrival, cut to seconds.
        low = sent_at - (server + _DATE_RESOLUTION)
        high = sent_at + took - server
        self._samples.append(_Sample(now_monotonic, low, high))

    def seconds(self, now_monotonic: float) -> float | None:
        """Local minus server time in seconds (positive: the local clock is ahead); None if unknown."""
        recent = [sample for sample in self._samples if now_monotonic - sample.at <= _WINDOW_SECONDS]
        if not recent:
            return None
        low = max(sample.low for sample in recent)
        high = min(sample.high for sample in recent)
        if low > high:
            # A clock was set meanwhile, or servers behind one address disagree: believe the latest.
            low, high = recent[-1].low, recent[-1].high
        if low <= 0 <= high:
            return 0.0
        return low if low > 0 else high
