"""The signed changes of a proposal: first every one of them in a line, then what each does in detail.

The lines are never capped. Whatever a proposer brings, no target can be pushed off the
screen by the length of another; only the details give way, each entry's for itself.
"""

from collections.abc import Iterator

from cutline.domain.actions.drain import UNSCHEDULABLE
from cutline.domain.actions.scale_down import REPLICAS
from cutline.domain.change import End, Verb
from cutline.domain.effect import Effect
from cutline.domain.proposal import Proposal, SignedChange
from cutline_cli.rendering.diff import ENDED, ending_of, entry_blocks, scalar_text, terms
from cutline_cli.rendering.fitting import counted, fitted
from cutline_cli.rendering.lines import Line, Tone
from cutline_cli.rendering.weight import riding
from cutline_cli.visible import shortened, words

_INDENT = "  "
_LONGEST_VALUE = 40
_MOST_LINES = 14  # of the details of a single entry
_MOST_LINES_OF_FEW = 10
_MOST_LINES_OF_MANY = 5
_FEW = 3
_TOLD = ((REPLICAS, "replicas"), (UNSCHEDULABLE, "unschedulable"))

_Group = tuple[Verb, End | None, frozenset[Effect]]


def diff_hint(proposal: Proposal) -> str:
    """The command that shows everything."""
    return f"kubectl cutline diff {proposal.name} -n {proposal.namespace}"


def change_lines(proposal: Proposal, width: int) -> Iterator[Line]:
    """All entries in brief, then the details of each, capped."""
    groups = _groups(proposal.changes)
    yield from overview(proposal.changes, width)
    detailed = [entry for entry in proposal.changes if _group_of(entry) not in groups]
    room = _room(len(detailed))
    for entry in detailed:
        yield from _details(entry, width, room, diff_hint(proposal))


def overview(changes: tuple[SignedChange, ...], width: int) -> Iterator[Line]:
    """One line for each entry, folded where it is long and never cut; like removals of pods stand together."""
    groups = _groups(changes)
    told: set[_Group] = set()
    for entry in changes:
        group = _group_of(entry)
        if group not in groups or group is None:
            yield from _folded(_in_brief(entry), width, _tone(entry))
        elif group not in told:
            told.add(group)
            yield from _together(groups[group], width)


def entry_lines(entry: SignedChange, width: int) -> Iterator[Line]:
    """One signed change in full: the very object, and what happens to it."""
    target = entry.change.target
    if entry.change.verb is Verb.UPDATE:
        yield from _folded(f"{target}, uid {target.uid}", width)
        for block in entry_blocks(entry, width):
            yield from block
        return
    yield from _folded(f"- {ending_of(entry.change)}", width, Tone.REMOVED)
    yield Line(f"  uid {target.uid}")


def effect_words(entry: SignedChange) -> str:
    """The entry's effects, as they are written everywhere; empty where it has none."""
    return "+".join(sorted(entry.effects))


def _details(entry: SignedChange, width: int, room: int, hint: str) -> Iterator[Line]:
    target = entry.change.target
    yield from _folded(f"{target}, uid {target.uid}", width)
    yield from fitted(entry_blocks(entry, width), room - 1, hint)


def _room(entries: int) -> int:
    if entries <= 1:
        return _MOST_LINES
    return _MOST_LINES_OF_FEW if entries <= _FEW else _MOST_LINES_OF_MANY


def _group_of(entry: SignedChange) -> _Group | None:
    """What pods must have in common to be told together: how they end, and what that is called."""
    change = entry.change
    return (change.verb, change.end, entry.effects) if change.removes_pod else None


def _groups(changes: tuple[SignedChange, ...]) -> dict[_Group, list[SignedChange]]:
    groups: dict[_Group, list[SignedChange]] = {}
    for entry in changes:
        group = _group_of(entry)
        if group is not None:
            groups.setdefault(group, []).append(entry)
    return {group: entries for group, entries in groups.items() if len(entries) > 1}


def _together(entries: list[SignedChange], width: int) -> Iterator[Line]:
    change = entries[0].change
    what = f"{len(entries)} pods are {ENDED[change.verb]}{terms(change.end)}:"
    yield from _folded(_prefixed(entries[0], what), width, Tone.REMOVED)
    names = ", ".join(f"{entry.change.target.namespace}/{entry.change.target.name}" for entry in entries)
    for text in words(names, width - len(_INDENT)):
        yield Line(_INDENT + text, Tone.REMOVED)


def _in_brief(entry: SignedChange) -> str:
    change, effects = entry.change, effect_words(entry)
    if change.verb is not Verb.UPDATE:
        return _prefixed(entry, ending_of(change))
    head = f"{effects} of {change.target}" if effects else _prefixed(entry, f"change of {change.target}")
    rides = len(riding(entry))
    along = f", {counted(rides, 'field')} {'rides' if rides == 1 else 'ride'} along" if rides else ""
    return head + "".join(f", {text}" for text in _told(entry)) + along


def _told(entry: SignedChange) -> Iterator[str]:
    for path, word in _TOLD:
        field = entry.change.field(path)
        if field is not None:
            old, new = (shortened(scalar_text(value), _LONGEST_VALUE) for value in (field.old, field.new))
            yield f"{word} {old} -> {new}"


def _prefixed(entry: SignedChange, text: str) -> str:
    return f"{effect_words(entry) or 'No known effect'}: {text}"


def _tone(entry: SignedChange) -> Tone:
    return Tone.PLAIN if entry.change.verb is Verb.UPDATE else Tone.REMOVED


def _folded(text: str, width: int, tone: Tone = Tone.PLAIN) -> Iterator[Line]:
    first, *rest = words(text, width - len(_INDENT))
    yield Line(first, tone)
    for line in rest:
        yield Line(_INDENT + line, tone)
