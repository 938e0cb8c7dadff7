"""The first process of a container: told to stop at any moment, and left with what others leave behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 30.0
# Started with a shorter patience, so that the test need not have so much of it.
_HURRIED = "import cutline_start as s; s._ORPHAN_SECONDS = 0.2; s.main()"
SLOW = "import time; print('loading', flush=True); time.sleep(60)"
OBEDIENT = """\
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("loading", flush=True)
signal.pause()
"""
ABANDONING = """\
import contextlib, os, pathlib, subprocess, sys, time

def states():
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has gone since the listing
            found.append(path.read_text().rpartition(")")[2].split()[0])
    return found

child = os.fork()
if child == 0:
    if os.fork() == 0:
        while os.getppid() != 1:
            time.sleep(0.01)
        os._exit(0)
    os._exit(0)
os.waitpid(child, 0)
while "Z" not in states():
    time.sleep(0.01)
print("an orphan has ended", flush=True)
while "Z" in states():
    time.sleep(0.01)
print("it was collected", flush=True)
own = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
print("own child:", own.wait(), flush=True)
"""


def command(folder: Path, text: str, *start: str) -> list[str]:
    """A module of that text as the first process of a process namespace of its own."""
    (folder / "module_under_test.py").write_text(text)
    python = [sys.executable, *(start or ("-m", "cutline_start")), "module_under_test", "--flag", "value"]
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return [*namespaces, "env", f"PYTHONPATH={ROOT / 'images'}:{folder}", *python]


def first_process(unshare: subprocess.Popen[str]) -> int:
    """The one that is number 1 inside."""
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def exit_code_after_sigterm(folder: Path, text: str) -> int:
    with subprocess.Popen(command(folder, text), stdout=subprocess.PIPE, text=True) as unshare:
        assert unshare.stdout is not None
        try:
            assert unshare.stdout.readline() == "loading\n"
            subprocess.run(["kill", f"-{signal.SIGTERM.value}", str(first_process(unshare))], check=True)
            return unshare.wait(SECONDS)
        finally:
            unshare.kill()


@pytest.mark.images
def test_a_stop_while_still_loading_ends_it(tmp_path: Path) -> None:
    # Without a handler the kernel would drop the signal, and the container live on until it is killed.
    started = time.monotonic()
    assert exit_code_after_sigterm(tmp_path, SLOW) == 128 + signal.SIGTERM
    assert time.monotonic() - started < SECONDS


@pytest.mark.images
def test_a_stop_afterwards_is_the_modules_own_affair(tmp_path: Path) -> None:
    assert exit_code_after_sigterm(tmp_path, OBEDIENT) == 7


@pytest.mark.images
def test_orphans_are_collected_and_own_children_are_not_touched(tmp_path: Path) -> None:
    run = subprocess.run(
        command(tmp_path, ABANDONING, "-c", _HURRIED), capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert run.stdout.splitlines() == ["an orphan has ended", "it was collected", "own child: 3"], run.stderr


def test_the_module_sees_its_own_arguments(tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text("import sys; print(__name__, sys.argv[1:])")
    run = subprocess.run(
        [sys.executable, "-m", "cutline_start", "told", "--config", "x"],
        env={"PYTHONPATH": f"{ROOT / 'images'}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "__main__ ['--config', 'x']\n"


def test_without_a_module_it_says_what_it_needs() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "images/cutline_start.py"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 64
    assert run.stderr.startswith("usage: ")
