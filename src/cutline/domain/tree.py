"""JSON trees: absence, pointers, and the canonical form that digests are taken of.

Nothing here knows Kubernetes. Trees are plain `dict`, `list`, `str`, `int`,
`float`, `bool`; a key with the value `None` is the same as no key at all.
"""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

import rfc8785

JsonObject: TypeAlias = Mapping[str, Any]


class Absent(Enum):
    """The value of a field that is not there; distinct from every JSON value."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


_EXACT = 2.0**53


def canonical(tree: Any) -> str:
    """The one text of a tree: RFC 8785, but with every number exact.

    RFC 8785 knows numbers only as doubles. Kubernetes has 64-bit integers, and one that was
    rounded would be signed as another.
    """
    match tree:
        case str():
            return json.dumps(tree, ensure_ascii=False)
        case None | bool():
            return json.dumps(tree)
        case int():
            return str(tree)
        case float() if abs(tree) >= _EXACT:
            # In digits it would be read back as an integer, and a double of that size is none.
            return repr(tree)
        case float():
            return rfc8785.dumps(tree).decode()
        case Mapping():
            members = (f"{canonical(key)}:{canonical(tree[key])}" for key in sorted(tree, key=_utf16))
            return "{" + ",".join(members) + "}"
        case _:
            return "[" + ",".join(map(canonical, tree)) + "]"


def _utf16(key: str) -> bytes:
    """RFC 8785 sorts keys by their UTF-16 code units."""
    return key.encode("utf-16-be", "surrogatepass")


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: `1` and `true` differ, which Python's `==` does not say."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def spelled(tree: Any) -> str:
    """One text for equal trees, to look for one among thousands; not the form that is signed."""
    return json.dumps(tree, sort_keys=True)


def digest(tree: Any) -> str:
    """`sha256:` and the hexadecimal SHA-256 of the canonical form."""
    return digest_text(canonical(tree))


def digest_text(text: str) -> str:
    """`sha256:` and the hexadecimal SHA-256 of a text that is already canonical."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def pointer(segments: Iterable[str]) -> str:
    """The JSON pointer (RFC 6901) of a path of keys."""
    return "".join("/" + segment.replace("~", "~0").replace("/", "~1") for segment in segments)


def segments(path: str) -> tuple[str, ...]:
    """The keys of a JSON pointer; the empty pointer has none."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])


def lookup(tree: Any, path: str) -> Any:
    """The value at a JSON pointer into nested objects, or `ABSENT`."""
    for key in segments(path):
        if not isinstance(tree, Mapping) or tree.get(key) is None:
            return ABSENT
        tree = tree[key]
    return tree


def set_value(tree: dict[str, Any], path: str, value: Any) -> None:
    """Make the value at `path` of `tree` be `value`; `ABSENT` removes it.

    Objects on the way are created where they are missing, and stay where a removal leaves
    them empty. Raises `ValueError` for the empty pointer, which names no field.
    """
    *parents, last = segments(path)
    for key in parents:
        child = tree.get(key)
        if not isinstance(child, dict):
            child = tree[key] = {}
        tree = child
    if value is ABSENT:
        tree.pop(last, None)
    else:
        tree[last] = value


def with_value(tree: JsonObject, path: str, value: Any) -> dict[str, Any]:
    """A copy of `tree` in which the value at `path` is `value`."""
    result: dict[str, Any] = copy.deepcopy(dict(tree))
    set_value(result, path, copy.deepcopy(value))
    return result
