"""No text, whatever it holds, can do anything on a terminal but be read."""

import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.text import visible
from cutline_cli.console import Console
from cutline_cli.rendering.lines import Line, Tone
from cutline_cli.visible import columns, pieces, shortened, words

# Control, format (bidirectional and zero-width are among them), surrogates, separators.
_NEVER = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
_NAMED = _BIDIRECTIONAL + "\u200b\u200c\u200d\u2060\ufeff\x1b\x9b\x07\r"
_hostile = st.text(st.one_of(st.characters(), st.sampled_from(_NAMED + "\u3164\u115f\u2800\ufe0f")))


def _console(*, colours: bool) -> Console:
    return Console(io.StringIO(), io.StringIO(), io.StringIO(), has_colours=colours, is_interactive=False)


def _hidden(text: str) -> set[str]:
    return {character for character in text if unicodedata.category(character) in _NEVER}


@given(_hostile)
def test_no_character_that_acts_or_hides_is_left(text: str) -> None:
    assert not _hidden(visible(text))


@given(_hostile)
def test_nothing_but_line_ends_gets_past_the_console(text: str) -> None:
    console = _console(colours=False)
    console.show([Line(text), Line(text, Tone.WARNING)])
    console.note(text)
    written = console.out.getvalue() + console.err.getvalue()  # type: ignore[attr-defined] # StringIO, see above
    assert _hidden(written) <= {"\n"}


@given(_hostile)
def test_one_line_stays_one_line(text: str) -> None:
    console = _console(colours=False)
    console.show([Line(text)])
    assert console.out.getvalue().count("\n") == 1  # type: ignore[attr-defined] # StringIO, see above


@given(_hostile)
def test_json_is_ascii(text: str) -> None:
    console = _console(colours=False)
    console.show_json({"text": text})
    written = console.out.getvalue()  # type: ignore[attr-defined] # StringIO, see above
    assert written.isascii()
    assert _hidden(written) <= {"\n"}


@given(_hostile, st.integers(5, 90))
def test_folding_loses_nothing(text: str, width: int) -> None:
    line = visible(text)
    cut = pieces(line, width)
    assert "".join(cut) == line
    assert all(columns(piece) <= width for piece in cut)


@given(_hostile, st.integers(12, 90))
def test_words_and_shortened_texts_keep_to_the_width(text: str, width: int) -> None:
    assert all(columns(line) <= width for line in words(text, width))
    assert columns(shortened(text, width)) <= width


def test_what_was_hidden_is_written_out() -> None:
    assert visible("safe\u202etxt.exe") == "safe\\u202etxt.exe"
    assert visible("\x1b[2J") == "\\u001b[2J"
    assert visible("größer, 更大, Ελλάδα") == "größer, 更大, Ελλάδα"


def test_marks_cannot_be_stacked_over_other_lines() -> None:
    assert visible("a" + "\u0301" * 20).count("\u0301") == 4


def test_colours_are_for_terminals_only() -> None:
    plain, coloured = _console(colours=False), _console(colours=True)
    for console in (plain, coloured):
        console.show([Line("+ 2", Tone.ADDED)])
    assert plain.out.getvalue() == "+ 2\n"  # type: ignore[attr-defined] # StringIO, see above
    assert coloured.out.getvalue() == "\x1b[32m+ 2\x1b[0m\n"  # type: ignore[attr-defined] # StringIO, see above
