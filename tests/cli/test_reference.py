"""The reference page names every verb, flag and exit code that there is, and its examples parse."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from cutline_cli.arguments import parsed
from cutline_cli.command import Command
from cutline_cli.commands import COMMANDS
from cutline_cli.exits import ExitCode
from cutline_cli.rehearsal.kubectl import kubectl_command

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
_BLOCKS = re.findall(r"```sh\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
_LINES = [line for block in _BLOCKS for line in block.replace("\\\n", " ").splitlines() if line]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_verb_and_flag_is_on_the_page(command: Command) -> None:
    text = _PAGE.read_text(encoding="utf-8")
    parser = argparse.ArgumentParser(add_help=False)
    command.configure(parser)
    assert f"[`{command.name}`](#" in text
    for flag in re.findall(r"--[a-z-]+", parser.format_help()):
        assert flag in text, flag


def test_every_exit_code_is_on_the_page() -> None:
    codes = re.findall(r"^\| (\d+) \|", _PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert codes == [str(code.value) for code in ExitCode]


@pytest.mark.parametrize("line", _LINES)
def test_every_example_is_understood(line: str) -> None:
    words = shlex.split(line.split(" && ")[0])
    assert words[:2] == ["kubectl", "cutline"]
    arguments = parsed(words[2:])
    if arguments.command is not None:
        kubectl_command(arguments.command)


def test_the_page_has_examples_of_all_verbs() -> None:
    shown = {shlex.split(line)[2] for line in _LINES}
    assert shown == {command.name for command in COMMANDS}
