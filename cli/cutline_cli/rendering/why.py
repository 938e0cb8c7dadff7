"""The proposer's own words, kept apart from everything that somebody has checked.

Each line stands behind a bar. Nothing else on the screen begins with one, so that no
text, however it is laid out, can pass for the gate's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cutline_cli.rendering.lines import Line, Tone
from cutline_cli.standing import Record
from cutline_cli.visible import shortened, words

BAR = "| "
_MOST_LINES_OF_SUMMARY = 4
_MOST_LINES_OF_ITEM = 2
_MOST_ITEMS = 3


def why_lines(record: Record, width: int) -> Iterator[Line]:
    """The diagnosis behind a proposal, under a heading that says whose it is."""
    spec = record.tree.get("spec") or {}
    why: Mapping[str, Any] = spec.get("why") or {}
    yield Line(f"WHY, in the words of {record.proposal.proposer.username} (checked by nobody)", Tone.HEADING)
    yield from own_words(str(why.get("summary", "")), width, most=_MOST_LINES_OF_SUMMARY)
    facts = [f"{key}: {why[key]}" for key in ("incident", "confidence") if why.get(key)]
    if facts:
        yield from own_words(", ".join(facts), width, most=_MOST_LINES_OF_ITEM)
    yield from _items([_evidence(item) for item in why.get("evidence") or ()], width)
    yield from _items(
        [f"instead of: {item.get('what', '')} (not chosen: {item.get('whyNot', '')})" for item in _alternatives(why)],
        width,
    )
    emergency = spec.get("emergency")
    if emergency:
        text = f"emergency: {emergency.get('reason', '')} (ticket {emergency.get('ticket', '')})"
        yield from own_words(text, width, most=_MOST_LINES_OF_SUMMARY)


def own_words(text: str, width: int, *, most: int) -> Iterator[Line]:
    """Somebody's own words, behind the bar, in at most `most` lines."""
    lines = words(text, width - len(BAR))
    if len(lines) > most:
        left_out = f" … {len(lines) - most} more lines"
        lines[most - 1] = shortened(lines[most - 1], width - len(BAR) - len(left_out)) + left_out
    for line in lines[:most]:
        yield Line(BAR + line, Tone.QUIET)


def _items(texts: list[str], width: int) -> Iterator[Line]:
    for text in texts[:_MOST_ITEMS]:
        yield from own_words(text, width, most=_MOST_LINES_OF_ITEM)
    if len(texts) > _MOST_ITEMS:
        yield Line(f"{BAR}… {len(texts) - _MOST_ITEMS} more; -o json has them", Tone.QUIET)


def _evidence(item: Mapping[str, Any]) -> str:
    link = f" {item['link']}" if item.get("link") else ""
    return f"evidence: {item.get('source', '')}: {item.get('claim', '')}{link}"


def _alternatives(why: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(why.get("alternatives") or ())
