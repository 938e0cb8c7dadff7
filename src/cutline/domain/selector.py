"""Label selectors, with the meaning that Kubernetes gives them.

Source: apimachinery `metav1.LabelSelector`: all requirements must hold, an empty
selector selects everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never


class Operator(StrEnum):
    """How one requirement compares a label with its values."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class LabelRequirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def accepts(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels
        assert_never(self.operator)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All of its requirements together."""

    requirements: tuple[LabelRequirement, ...] = ()

    def accepts(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.accepts(labels) for requirement in self.requirements)


EVERYTHING = LabelSelector()
