"""A change as people read it, from the canonical text that is signed and from nothing else.

Scalars stand as old and new value, structures as YAML with the lines that differ. Long
lines are folded, never cut: a difference at the end of a line must be seen too.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.tree import ABSENT, segments
from cutline_cli.rendering.lines import Line, Tone
from cutline_cli.visible import pieces, visible

_CONTEXT = 2
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_FOLD = "… "  # begins a line that goes on from the one above
_TONES = {"+": Tone.ADDED, "-": Tone.REMOVED, " ": Tone.PLAIN}


class _Dumper(yaml.SafeDumper):
    """YAML in which a text of several lines stands in several lines."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def change_lines(change: Change, width: int) -> list[Line]:
    """What the change does to its object, in lines of at most `width` columns."""
    if change.verb is Verb.UPDATE:
        return [line for field in change.fields for line in _field_lines(field, width)]
    return [Line(f"- {ending_of(change)}", Tone.REMOVED)]


def ending_of(change: Change) -> str:
    """How an object ends, in words."""
    word = "evicted" if change.verb is Verb.EVICT else "deleted"
    return f"{change.target} is {word}{_terms(change.end)}"


def _terms(end: End | None) -> str:
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


def _field_lines(field: Field, width: int) -> Iterator[Line]:
    yield from (Line(text, Tone.HEADING) for text in _folded("@ ", field_name(field.path), width))
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
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=True, width=10**9, indent=2)
    # A scalar alone is a document, which YAML ends with three dots.
    return text.removesuffix("...\n").rstrip("\n").split("\n")


def _is_structure(value: Any) -> bool:
    return isinstance(value, (Mapping, list))


def _folded(prefix: str, text: str, width: int) -> Iterator[str]:
    first, *rest = pieces(visible(text), width - len(prefix) - len(_FOLD))
    yield prefix + first
    for piece in rest:
        yield prefix + _FOLD + piece


def capped(lines: list[Line], most: int, hint: str) -> list[Line]:
    """At most `most` lines; the last then says how many are left out, and where to read them."""
    if len(lines) <= most:
        return lines
    left_out = len(lines) - (most - 1)
    return [*lines[: most - 1], Line(f"… {left_out} more lines: {hint}", Tone.WARNING)]
