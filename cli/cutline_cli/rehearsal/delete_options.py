"""Whether the body of a DELETE makes it a dry run.

A DELETE with a body is a dry run only if its body says so: the API server ignores the
query then (apiserver `handlers/delete.go`). The body is DeleteOptions as JSON or as
Kubernetes protobuf. What cannot be read without doubt is not a dry run: this module
would rather refuse a harmless request than let a real one pass.
"""

import json
from collections.abc import Iterator
from typing import Any

_ALL = "All"
_JSON = "application/json"
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
# Field numbers: `runtime.Unknown.raw`, `.contentEncoding`; `metav1.DeleteOptions.dryRun`.
_UNKNOWN_RAW = 2
_UNKNOWN_ENCODING = 3
_DRY_RUN = 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class Unreadable(Exception):
    """The body is not DeleteOptions in a form that is understood here."""


def is_dry_run(body: bytes, content_type: str) -> bool:
    """Whether these DeleteOptions ask for a dry run; raises `Unreadable`."""
    media_type = content_type.split(";")[0].strip().lower()
    if media_type == _JSON:
        return bool(_json_dry_run(body) == [_ALL])
    if media_type == _PROTOBUF:
        return _protobuf_dry_run(body) == [_ALL]
    raise Unreadable(f"DeleteOptions as {media_type or 'nothing in particular'}")


def _json_dry_run(body: bytes) -> Any:
    try:
        tree = json.loads(body.decode("utf-8"), object_pairs_hook=_without_repetition)
    except ValueError as error:
        raise Unreadable("DeleteOptions that are no JSON") from error
    if not isinstance(tree, dict):
        raise Unreadable("DeleteOptions that are no object")
    return tree.get("dryRun")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ, in case too: parsers disagree about which one counts."""
    if len({key.lower() for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _protobuf_dry_run(body: bytes) -> list[str]:
    if not body.startswith(_MAGIC):
        raise Unreadable("DeleteOptions without the mark of Kubernetes protobuf")
    envelope = list(_fields(body[len(_MAGIC) :]))
    raw = [value for number, value in envelope if number == _UNKNOWN_RAW]
    encodings = [value for number, value in envelope if number == _UNKNOWN_ENCODING and value]
    if len(raw) != 1 or not isinstance(raw[0], bytes) or encodings:
        raise Unreadable("DeleteOptions in an unusual envelope")
    values = [value for number, value in _fields(raw[0]) if number == _DRY_RUN]
    if not all(isinstance(value, bytes) for value in values):
        raise Unreadable("DeleteOptions whose dryRun is no text")
    return [value.decode("utf-8", "replace") for value in values if isinstance(value, bytes)]


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of one protobuf message: numbers with varints or raw bytes."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire_type == _BYTES:
            size, position = _varint(data, position)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise Unreadable("DeleteOptions with an unknown wire type")
        if position + size > len(data):
            raise Unreadable("DeleteOptions that end too early")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(_LONGEST_VARINT):
        if position >= len(data):
            raise Unreadable("DeleteOptions that end too early")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position
    raise Unreadable("DeleteOptions with an endless number")
