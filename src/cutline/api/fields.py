"""Reading fields of wire objects with errors that name the field.

The custom resources' schemas already refuse most of what is refused here. The gate
does not rely on that: a definition can be loosened by whoever may write definitions.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from cutline.domain.errors import BadObject

_E = TypeVar("_E", bound=StrEnum)
_T = TypeVar("_T")


class Fields:
    """One object of a wire tree, with the path at which it stands."""

    def __init__(self, tree: Any, path: str = "") -> None:
        if tree is None:
            tree = {}
        if not isinstance(tree, Mapping):
            raise BadObject(path or "object", "must be an object")
        self._tree = tree
        self._path = path

    def __contains__(self, key: str) -> bool:
        return self._tree.get(key) is not None

    def path(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def text(self, key: str, default: str | None = None) -> str:
        return self._typed(key, str, "text", default)

    def integer(self, key: str, default: int | None = None) -> int:
        value = self._typed(key, int, "a whole number", default)
        if isinstance(value, bool):
            raise BadObject(self.path(key), "must be a whole number")
        return value

    def truth(self, key: str) -> bool:
        return self._typed(key, bool, "true or false", False)

    def tree(self, key: str) -> Mapping[str, Any]:
        """The object at `key` as it is, for what is passed on unread."""
        return dict(self.child(key)._tree)

    def child(self, key: str) -> "Fields":
        return Fields(self._tree.get(key), self.path(key))

    def children(self, key: str) -> tuple["Fields", ...]:
        return tuple(Fields(item, f"{self.path(key)}[{index}]") for index, item in enumerate(self._list(key)))

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            raise BadObject(self.path(key), "must be a list of texts")
        return tuple(values)

    def text_map(self, key: str) -> Mapping[str, str]:
        value: Any = self._tree.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
            raise BadObject(self.path(key), "must be a map of texts")
        return dict(value)

    def enum(self, key: str, vocabulary: type[_E], default: _E | None = None) -> _E:
        value = self.text(key, None if default is None else default.value)
        try:
            return vocabulary(value)
        except ValueError:
            known = ", ".join(member.value for member in vocabulary)
            raise BadObject(self.path(key), f"{value!r} is not one of {known}") from None

    def enums(self, key: str, vocabulary: type[_E]) -> frozenset[_E]:
        try:
            return frozenset(vocabulary(value) for value in self.texts(key))
        except ValueError as error:
            known = ", ".join(member.value for member in vocabulary)
            raise BadObject(self.path(key), f"{error}; known are {known}") from None

    def time(self, key: str) -> datetime:
        """A moment in RFC 3339, as the API server writes `creationTimestamp`."""
        value = self.text(key)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise BadObject(self.path(key), f"{value!r} is not a time") from None
        if moment.tzinfo is None:
            raise BadObject(self.path(key), f"{value!r} has no time zone")
        return moment

    def _list(self, key: str) -> list[Any]:
        value = self._tree.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise BadObject(self.path(key), "must be a list")
        return value

    def _typed(self, key: str, kind: type[_T], what: str, default: _T | None) -> _T:
        value = self._tree.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, kind):
            raise BadObject(self.path(key), f"must be {what}" if value is not None else "is missing")
        return value
