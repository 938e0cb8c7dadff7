"""Demands that ask the same, told once.

A change can cross every line of every policy: that of a definition leaves them all. Of lines that ask
exactly the same, whoever meets one meets the others.
"""

from collections.abc import Iterable
from dataclasses import replace

from cutline.domain.requirement import Requirement

MOST_DEMANDS = 64
"""How many a proposal or an admitted change can hold; the definitions of both say so."""


def distinct(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    """By name, and of those that differ in nothing but the line that they come from the first."""
    first: dict[object, Requirement] = {}
    for requirement in sorted(requirements, key=lambda one: (one.name, one.describe())):
        first.setdefault(_asked(requirement), requirement)
    return tuple(first.values())


def _asked(requirement: Requirement) -> object:
    """What is demanded, whoever demands it."""
    return replace(requirement, policy="", line="", including=()), frozenset(requirement.including)
