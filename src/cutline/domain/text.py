"""Text that strangers chose, made safe to show on a terminal, on a page or in an event.

What people read must be what was signed: no control character moves the cursor, no
bidirectional mark reorders a line, no invisible character hides a difference. Such
characters are not dropped but written out (`\\u202e`), so that their presence shows.
"""

import unicodedata
from collections.abc import Iterator

# Categories that a terminal acts on or does not show: control, format (bidirectional and
# zero-width characters are among them), surrogates, private use, line and paragraph separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Shown as nothing or as a blank although their category says otherwise
# (Unicode `Default_Ignorable_Code_Point`, and the empty braille pattern).
_HIDDEN = frozenset(
    chr(code)
    for span in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(span[0], span[1] + 1)
)
_TAB = "    "
# More marks than any script stacks on one letter can only be meant to draw over other lines.
_MOST_MARKS = 4


def visible(text: str) -> str:
    """`text` as one line in which every character is a visible one, or is written out."""
    return "".join(_characters(text))


def visible_beginning(text: str, most: int) -> str:
    """The visible form of `text`, cut off after at most `most` characters."""
    shown = visible(text)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def _characters(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category == "Mn" else 0
        if character == "\t":
            yield _TAB
        elif category in _HIDDEN_CATEGORIES or character in _HIDDEN or marks > _MOST_MARKS:
            yield _written_out(character)
        elif category == "Zs":
            yield " "
        else:
            yield character


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
