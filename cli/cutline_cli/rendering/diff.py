"""A change as people read it, from the canonical text that is signed and from nothing else.

Scalars stand as old and new value, texts in quotes; structures as YAML with the lines that
differ. Long lines are folded, never cut: a difference at the end of a line must be seen too.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.proposal import SignedChange
from cutline.domain.text import visible
from cutline.domain.tree import ABSENT, segments
from cutline_cli.rendering.lines import Line, Tone
from cutline_cli.rendering.weight import by_weight, riding
from cutline_cli.visible import pieces

_CONTEXT = 2
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_FOLD = "… "  # begins a line that goes on from the one above
_RIDES = " (rides along)"
# Whoever reads `1e3` or `0o7` takes it for a number, though not every YAML does.
_LIKE_A_NUMBER = re.compile(r"[-+.]?\d[\da-fA-FxoO_.eE+:-]*|[-+]?\.?(inf|nan)", re.IGNORECASE)
ENDED = {Verb.EVICT: "evicted", Verb.DELETE: "deleted"}
_TONES = {"+": Tone.ADDED, "-": Tone.REMOVED, " ": Tone.PLAIN}


class _Dumper(yaml.SafeDumper):
    """YAML in which a text of several lines stands in several lines."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _LIKE_A_NUMBER.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def entry_blocks(entry: SignedChange, width: int) -> list[list[Line]]:
    """The lines of each changed field, the most consequential field first."""
    rides = riding(entry)
    return [list(_field_lines(field, width, field.path in rides)) for field in by_weight(entry)]


def ending_of(change: Change) -> str:
    """How an object ends, in words."""
    return f"{change.target} is {ENDED[change.verb]}{terms(change.end)}"


def terms(end: End | None) -> str:
    """How an object is ended, as far as the request says."""
    if end is None:
        return ""
    grace = "" if end.grace_seconds is None else f", with {end.grace_seconds}s of grace"
    propagation = f", dependents: {end.propagation}" if end.propagation else ""
    return f"{grace}{propagation}"


def field_name(path: str) -> str:
    """A JSON pointer as people write fields: `metadata.annotations["example.com/team"]`."""
    name = ""
    for key in segments(path):
        if _PLAIN_KEY.fullmatch(key):
            name += f".{key}" if name else key
        else:
            name += '["' + visible(key).replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return name


def _field_lines(field: Field, width: int, rides: bool) -> Iterator[Line]:
    name = field_name(field.path) + (_RIDES if rides else "")
    yield from (Line(text, Tone.HEADING) for text in _folded("@ ", name, width))
    for sign, text in _signed_lines(field):
        tone = _TONES.get(sign, Tone.QUIET)
        yield from (Line(piece, tone) for piece in _folded(f"{sign} ", text, width))


def _signed_lines(field: Field) -> Iterator[tuple[str, str]]:
    old, new = _yaml_lines(field.old), _yaml_lines(field.new)
    if not _is_structure(field.old) or not _is_structure(field.new):
        yield from (("-", line) for line in old)
        yield from (("+", line) for line in new)
        return
    hunks = list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT))[2:]
    for line in hunks:
        if line.startswith("@@"):
            yield "~", "…"
        else:
            yield line[0], line[1:]
    if not hunks:
        # Equal as YAML but not as JSON: show both rather than nothing.
        yield "-", repr(field.old)
        yield "+", repr(field.new)


def _yaml_lines(value: Any) -> list[str]:
    if value is ABSENT:
        return []
    if not _is_structure(value) and not (isinstance(value, str) and "\n" in value):
        return [scalar_text(value)]
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=True, width=10**9, indent=2)
    # A scalar alone is a document, which YAML ends with three dots.
    return text.removesuffix("...\n").rstrip("\n").split("\n")


def scalar_text(value: Any) -> str:
    """A scalar as JSON, in which `"3"`, `3`, `"true"` and `true` are four things."""
    return "none" if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _is_structure(value: Any) -> bool:
    return isinstance(value, (Mapping, list))


def _folded(prefix: str, text: str, width: int) -> Iterator[str]:
    first, *rest = pieces(visible(text), width - len(prefix) - len(_FOLD))
    yield prefix + first
    for piece in rest:
        yield prefix + _FOLD + piece
