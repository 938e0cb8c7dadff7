"""Fitting a long diff into a screen: what is left out is always said, and nothing stands there cut unmarked."""

from collections.abc import Iterator
from itertools import takewhile

from cutline_cli.rendering.lines import Line, Tone

_LEAST = 4  # lines of a field's values, however little room there is: some of the old, some of the new
_MOST_HEADING = 6

Block = list[Line]


def fitted(blocks: list[Block], room: int, hint: str) -> list[Line]:
    """The blocks in about `room` lines, the first ones before the others; the last line says what is left out.

    The first block is always shown, at least its beginning.
    """
    if sum(map(len, blocks)) <= room:
        return [line for block in blocks for line in block]
    shown: list[Line] = []
    left, hidden, begun = room - 1, 0, 0
    for index, block in enumerate(blocks):
        reserved = sum(map(_least, blocks[index + 1 :]))
        size = min(len(block), max(_least(block), left - reserved))
        if index and size > left:
            break
        part, gone = _cut(block, size)
        shown += part
        left, hidden, begun = left - len(part), hidden + gone, begun + 1
    return [*shown, _left_out(blocks[begun:], hidden, hint)]


def _least(block: Block) -> int:
    return min(len(block), min(len(_heading(block)), _MOST_HEADING) + _LEAST)


def _heading(block: Block) -> Block:
    return list(takewhile(lambda line: line.tone is Tone.HEADING, block))


def _left_out(blocks: list[Block], hidden: int, hint: str) -> Line:
    hidden += sum(map(len, blocks))
    fields = f", {counted(len(blocks), 'more field')}" if blocks else ""
    return Line(f"… {counted(hidden, 'more line')}{fields}: {hint}", Tone.WARNING)


def counted(number: int, thing: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _cut(block: Block, size: int) -> tuple[Block, int]:
    """The block in `size` lines, and how many of its own lines are missing there."""
    if len(block) <= size:
        return block, 0
    heading = _heading(block)
    parts = [_beginning(heading, min(len(heading), _MOST_HEADING))]
    room = size - len(parts[0])
    parts += [_beginning(run, most) for run, most in _runs(block[len(heading) :], room)]
    shown = [line for part in parts for line in part]
    own = sum(line.tone is not Tone.WARNING for line in shown)
    return shown, len(block) - own


def _runs(values: Block, room: int) -> Iterator[tuple[Block, int]]:
    """The old and the new value share the room; neither can push the other out."""
    old = list(takewhile(lambda line: line.tone is Tone.REMOVED, values))
    new = values[len(old) :]
    if not old or any(line.tone is not Tone.ADDED for line in new):
        yield values, room
        return
    most_of_old = min(len(old), max(room // 2, room - len(new)))
    yield old, most_of_old
    yield new, room - most_of_old


def _beginning(lines: Block, most: int) -> Block:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], Line(f"~ … {counted(len(lines) - most + 1, 'more line')} of this", Tone.WARNING)]
