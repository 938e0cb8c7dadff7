"""What the checkout's texts say about itself is true, and nothing in it belongs to one machine."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from cutline_cli.__main__ import main as kubectl_cutline
from cutline_testbed.__main__ import main as cutline_testbed

ROOT = Path(__file__).parents[2]


@cache
def texts() -> dict[Path, str]:
    """Every text of the checkout that is or may become part of a commit."""
    run = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {}
    for name in filter(None, run.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            found[path] = path.read_text(encoding="utf-8", errors="replace")
    return found


def documents() -> list[Path]:
    folders = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    beside_code = [ROOT / folder / "README.md" for folder in ("testbed", "charts/cutline")]
    return sorted([*ROOT.glob("*.md"), *folders, *beside_code])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_text_names_a_path_of_one_machine() -> None:
    # Written apart, so that this very test does not find itself.
    places = re.compile("(?<![\\w.~$}])/" + "(?:home|root|Users|work)/[A-Za-z]")
    hits = [
        f"{named(path)}:{number}: {line.strip()[:100]}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if places.search(line)
    ]
    assert not hits, "\n".join(hits)


def test_no_text_is_left_in_the_middle_of_a_merge() -> None:
    marks = re.compile("^" + "<" * 7 + " |^" + ">" * 7 + " ", re.MULTILINE)
    assert [named(path) for path, text in texts().items() if marks.search(text)] == []


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_link_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_make_command_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert mentioned - set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)) == set()


@cache
def verb_exists(verb: str) -> bool:
    """Whether `kubectl cutline VERB --help` explains itself."""
    try:
        kubectl_cutline([verb, "--help"])
    except SystemExit as end:
        return end.code in (0, None)
    return True


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_verb_of_kubectl_cutline_exists(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mentioned = set(re.findall(r"kubectl cutline ([a-z][a-z-]*)", path.read_text(encoding="utf-8")))
    assert {verb for verb in mentioned if not verb_exists(verb)} == set()


def help_of_testbed(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit):
        cutline_testbed([*command, "--help"])
    return capsys.readouterr().out


def test_the_testbeds_page_names_every_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "testbed" / "README.md").read_text(encoding="utf-8")
    listed = re.search(r"\{([a-z,-]+)\}", help_of_testbed(capsys))
    assert listed
    commands = listed[1].split(",")
    options = {
        found for command in commands for found in re.findall(r"^  (--[a-z-]+)", help_of_testbed(capsys, command), re.M)
    }
    assert [command for command in commands if f"`{command}" not in page] == []
    assert options - set(re.findall(r"--[a-z-]+", page)) == set()


def test_the_readmes_folders_exist() -> None:
    mentioned = re.findall(
        r"(?<![\w/])((?:charts|docs|examples|testbed|crds)/[\w/.-]*\w)", (ROOT / "README.md").read_text()
    )
    assert [place for place in mentioned if not (ROOT / place).exists()] == []
