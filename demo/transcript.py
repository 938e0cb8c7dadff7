"""The part of the demo that README.md shows, and what in it differs from run to run."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
_BEGIN = "<!-- recorded by `python -m demo --record`; a test keeps it true -->\n```console\n"
_END = "```\n<!-- end of the recording -->"
_SCENES_SHOWN = 4

# Digests, uids, clocks and what is left of a time are new in every run.
_VARIABLE = (
    (re.compile(r"sha256:[0-9a-f]+"), "sha256:0"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "uid"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "moment"),
    (re.compile(r"\b\d+[hms](\d+[ms])*\b(?= (ago|left))"), "time"),
)


def beginning(output: str) -> str:
    """The scenes that the README shows, out of everything that the demo printed."""
    scenes = output.split("\n# ")[1 : _SCENES_SHOWN + 1]
    return "\n".join(f"# {scene.rstrip()}\n" for scene in scenes)


def recorded() -> str:
    """What the README shows now."""
    text = README.read_text()
    return text[text.index(_BEGIN) + len(_BEGIN) : text.index(_END)]


def record(output: str) -> None:
    """Put the beginning of `output` into the README."""
    text = README.read_text()
    before, after = text[: text.index(_BEGIN) + len(_BEGIN)], text[text.index(_END) :]
    README.write_text(before + beginning(output) + after)


def timeless(text: str) -> str:
    """The text without what differs from run to run; wrapped lines count as one."""
    text = " ".join(text.split())
    for pattern, constant in _VARIABLE:
        text = pattern.sub(constant, text)
    return text
