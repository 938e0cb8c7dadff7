"""The semantic difference between two contents: which fields changed, from what to what.

Objects are compared key by key, lists as a whole: a list's items have no identity
that every kind would agree on, and a reader sees the old list beside the new one.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cutline.domain.tree import ABSENT, JsonObject, pointer, same, set_value


@dataclass(frozen=True, slots=True)
class Field:
    """One changed field: its JSON pointer, its old and its new value (or `ABSENT`)."""

    path: str
    old: Any
    new: Any

    def as_tree(self) -> JsonObject:
        tree: dict[str, Any] = {"path": self.path}
        if self.old is not ABSENT:
            tree["old"] = self.old
        if self.new is not ABSENT:
            tree["new"] = self.new
        return tree

    def is_same_as(self, other: "Field") -> bool:
        """The same field from the same old to the same new value, as JSON."""
        return self.path == other.path and same(self.old, other.old) and same(self.new, other.new)

    def is_within(self, path: str) -> bool:
        """Whether the field is at `path` or below it."""
        return self.path == path or self.path.startswith(path + "/")


def field_from_tree(tree: JsonObject) -> Field:
    """The field that `Field.as_tree` wrote."""
    return Field(str(tree["path"]), tree.get("old", ABSENT), tree.get("new", ABSENT))


def difference(old: JsonObject, new: JsonObject) -> tuple[Field, ...]:
    """Every changed field, in the order of their pointers."""
    return tuple(sorted(_walk(old, new, ()), key=lambda field: field.path))


def apply(content: JsonObject, fields: tuple[Field, ...]) -> JsonObject:
    """`content` after the change that `fields` describes."""
    result: dict[str, Any] = copy.deepcopy(dict(content))
    for field in fields:
        set_value(result, field.path, copy.deepcopy(field.new))
    return result


def _walk(old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Field]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, ABSENT), new.get(key, ABSENT)
        here = (*path, key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _walk(before, after, here)
        elif not same(before, after):
            yield Field(pointer(here), before, after)
