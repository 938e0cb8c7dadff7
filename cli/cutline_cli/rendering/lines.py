"""A line of output: a text and how it is to look, before anybody knows about terminals."""

from dataclasses import dataclass
from enum import Enum


class Tone(Enum):
    """What a line is, for those whose terminal has colours."""

    PLAIN = "plain"
    HEADING = "heading"
    ADDED = "added"
    REMOVED = "removed"
    WARNING = "warning"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Line:
    """One line; its text may come from anywhere, the console makes it visible."""

    text: str
    tone: Tone = Tone.PLAIN


BLANK = Line("")


def plain(*texts: str) -> list[Line]:
    return [Line(text) for text in texts]
