"""Visible text in lines: how wide it is on a terminal, and where it is broken.

What makes text visible is the domain's (`cutline.domain.text`): the gate, the operator and
this command line show the same characters in the same way.
"""

import unicodedata

from cutline.domain.text import visible


def columns(text: str) -> int:
    """How many columns of a terminal a visible text takes."""
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def shortened(text: str, width: int) -> str:
    """`text` on one visible line of at most `width` columns, its end cut off where it is longer."""
    line = visible(text.replace("\n", " "))
    if columns(line) <= width:
        return line
    return pieces(line, width - 1)[0] + "…"


def pieces(line: str, width: int) -> list[str]:
    """A visible line cut into pieces of at most `width` columns; nothing of it is lost."""
    result, current, used = [], "", 0
    for character in line:
        size = _columns_of(character)
        if used + size > width and current:
            result.append(current)
            current, used = "", 0
        current, used = current + character, used + size
    return [*result, current]


def words(text: str, width: int) -> list[str]:
    """A text in visible lines of at most `width` columns, broken between words where it can be."""
    result: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in visible(paragraph).split():
            if line and columns(line) + 1 + columns(word) > width:
                result.append(line)
                line = ""
            *full, line = pieces(f"{line} {word}" if line else word, width)
            result += full
        result.append(line)
    return result
