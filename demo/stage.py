"""Runs a step as its persona and shows it as a person would have seen it."""

import shlex
import subprocess
import sys

from cutline_testbed import Testbed
from demo.scenes import Ending, Scene, Step

_SECONDS = 120


class UntrueStory(Exception):
    """A command did not end as the story tells."""


class Stage:
    """Where the story is played: a testbed with Cutline, and a terminal."""

    def __init__(self, testbed: Testbed) -> None:
        self._testbed = testbed
        self._is_terminal = sys.stdout.isatty()

    def play(self, scene: Scene) -> str:
        """Show one scene and answer what was shown; raises `UntrueStory` where it is not true."""
        shown = [self._say(f"\n# {scene.headline}")]
        for step in scene.steps:
            shown.append(self._play(step))
        return "".join(shown)

    def prepare(self, *command: str, stdin: str = "") -> None:
        """Run a command as the admin, unseen; raises `UntrueStory` where it fails."""
        done = self._run(Step("admin", command, stdin=stdin))
        if done.returncode:
            raise UntrueStory(f"admin$ {shlex.join(command)}\n{done.stdout}")

    def _play(self, step: Step) -> str:
        shown = ""
        if step.shown:
            shown += self._say(f"\n{step.persona}$ {shlex.join(step.command)}")
            shown += self._show("\n".join(f"< {line}" for line in step.stdin.splitlines()))
        done = self._run(step)
        if step.shown:
            shown += self._show(_beginning(done.stdout, step.lines))
        ended = Ending.PASSES if done.returncode == 0 else Ending.IS_REFUSED
        if ended is not step.ending:
            raise UntrueStory(f"this {ended.value}, and should be one that {step.ending.value}\n{done.stdout}")
        if step.says not in " ".join(done.stdout.split()) and step.says not in done.stdout:
            raise UntrueStory(f"it should say {step.says!r}\n{done.stdout}")
        return shown

    def _say(self, text: str) -> str:
        print(f"\033[1m{text}\033[0m" if self._is_terminal else text, flush=True)
        return text + "\n"

    def _show(self, text: str) -> str:
        if not text:
            return ""
        print(text, flush=True)
        return text + "\n"

    def _run(self, step: Step) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            step.command,
            env={**self._testbed.environment(step.persona), "NO_COLOR": "1"},
            input=step.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )


def _beginning(output: str, most: int) -> str:
    lines = output.rstrip().splitlines()
    rest = len(lines) - most
    return "\n".join(lines if rest <= 0 else [*lines[:most], f"(and {rest} lines more)"])
