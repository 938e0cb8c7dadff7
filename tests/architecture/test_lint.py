"""What `make lint` demands holds: style, types and generated files are part of the promise."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_CODE = ("src", "operator", "webhook", "cli", "testbed", "tests", "bench", "demo", "hack", "images")


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", *_CODE),
        ("ruff", "format", "--check", *_CODE),
        ("mypy",),
        ("hack/sync_crds.py", "--check"),
        ("hack/exempt_identities.py", "--check"),
    ],
    ids=["style", "form", "types", "copies of the definitions", "the page of exempt identities"],
)
def test_the_code_is_as_lint_wants_it(command: tuple[str, ...]) -> None:
    program = [str(ROOT / command[0])] if command[0].endswith(".py") else ["-m", command[0]]
    done = subprocess.run(
        [sys.executable, *program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
