"""The README's commands for a real cluster, word for word, in one shell on nodes of their own."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from cutline_testbed import Testbed

pytestmark = pytest.mark.node

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- commands of the real cluster -->", "<!-- end of the commands -->"
NAME = "readme"
SECONDS = 600
REFUSED = "# refused"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the page, with its continuation lines; refused if the page says so."""

    text: str

    @property
    def is_refused(self) -> bool:
        return REFUSED in self.text


def commands() -> list[Command]:
    part = (ROOT / "README.md").read_text().split(BEGIN)[1].split(END)[0]
    blocks = re.findall(r"```console\n(.*?)```", part, flags=re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [Command(line) for line in lines if line.strip() and not line.startswith("#")]


def script(every: list[Command]) -> str:
    """Each command is followed by a line with its number and exit code."""
    return "\n".join(f'{command.text}\necho "@@ {number} $?"' for number, command in enumerate(every))


def test_every_command_does_what_the_page_says() -> None:
    bed = Testbed(NAME)
    bed.clean()
    every = commands()
    assert [command for command in every if command.is_refused]
    try:
        done = subprocess.run(
            ["bash"],
            cwd=ROOT,
            input=script(every),
            env={**os.environ, "TESTBED_NAME": NAME},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    finally:
        bed.clean()
    codes = {int(number): int(code) for number, code in re.findall(r"^@@ (\d+) (\d+)$", done.stdout, re.MULTILINE)}
    wrong = [c.text for n, c in enumerate(every) if n not in codes or (codes[n] != 0) is not c.is_refused]
    assert not wrong, done.stdout
