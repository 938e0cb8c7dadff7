"""Medians, percentiles and ratios of rounds. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them do not exceed; raises for none."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds with the lowest and the highest of them."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f}-{self.highest:.2f})"


def spread(values: Iterable[float]) -> Spread:
    """Raises for no values."""
    found = list(values)
    return Spread(median(found), min(found), max(found))


def ratios(ours: Iterable[float], theirs: Iterable[float]) -> Spread:
    """Round by round, so that what slows a whole round down cancels out."""
    return spread(one / other for one, other in zip(ours, theirs, strict=True))
