"""What a signer may take away from what was proposed; never what he may add."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Limits on a proposal's use: each `None` means "as proposed".

    `replicas` is the lowest replica count allowed, `pods` the only pods
    (`namespace/name`) that may be removed, `valid_for` how long an approval lasts.
    """

    replicas: int | None = None
    pods: frozenset[str] | None = None
    valid_for: timedelta | None = None

    def meet(self, other: "Narrowing") -> "Narrowing":
        """The limits of both: what is left after two people took something away."""
        return Narrowing(
            replicas=_either(max, self.replicas, other.replicas),
            pods=_either(frozenset.intersection, self.pods, other.pods),
            valid_for=_either(min, self.valid_for, other.valid_for),
        )


UNNARROWED = Narrowing()


def meet_of(narrowings: Iterable[Narrowing]) -> Narrowing:
    """The meet of all of them; its order does not matter."""
    return reduce(Narrowing.meet, narrowings, UNNARROWED)


_T = TypeVar("_T")


def _either(combine: Callable[[_T, _T], _T], one: _T | None, other: _T | None) -> _T | None:
    if one is None:
        return other
    return one if other is None else combine(one, other)
