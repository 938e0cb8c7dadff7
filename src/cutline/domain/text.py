"""Text that strangers chose, made safe to show: nothing in it ends, hides or reverses a line."""

import unicodedata

# Control characters, formatting ones (bidirectional and zero-width among them), separators of
# lines and paragraphs, private and unassigned code points, lone surrogates.
_DECEIVING = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"})


def visible(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters, what deceives written as `\\uXXXX`."""
    shown = "".join(_escaped(character) for character in text)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _DECEIVING:
        return character
    return f"\\u{ord(character):04x}"
