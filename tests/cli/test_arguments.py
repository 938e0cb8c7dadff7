"""The command line: verbs, help, and the exit codes that scripts rely on."""

import shlex
from pathlib import Path

import pytest

from cutline.domain.errors import BadObject, Unrecognised
from cutline.kube.errors import AlreadyExists, Forbidden, KubeError, NotFound, Unavailable
from cutline_cli.__main__ import main
from cutline_cli.arguments import parsed, split_at_dashes
from cutline_cli.command import AfterDashes, Command
from cutline_cli.commands import COMMANDS
from cutline_cli.exits import CliError, ExitCode, Missing, Refused, TimedOut, UsageError, cli_error

_VERBS = [command.name for command in COMMANDS]


@pytest.mark.parametrize("verb", _VERBS)
def test_every_verb_has_help_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"kubectl cutline {verb}" in text
    assert "examples:" in text
    assert "exit codes:" in text
    assert "--context" in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_is_a_command_line_that_is_understood(command: Command) -> None:
    for _, line in command.examples:
        words = shlex.split(line.replace("\\\n", " ").split(" && ")[0].split(" | ")[0])
        assert words[:2] == ["kubectl", "cutline"]
        assert parsed(words[2:]).verb is command


def test_words_after_the_dashes_are_not_ours() -> None:
    assert split_at_dashes(["a", "--", "b", "--", "c"]) == (["a"], ["b", "--", "c"])
    assert split_at_dashes(["a"]) == (["a"], None)
    arguments = parsed(["propose", "--summary", "x", "--", "kubectl", "scale", "--replicas=2", "-n", "other"])
    assert arguments.command == ["kubectl", "scale", "--replicas=2", "-n", "other"]
    assert arguments.namespace is None


@pytest.mark.parametrize("verb", [command.name for command in COMMANDS if command.after_dashes is AfterDashes.NOTHING])
def test_verbs_that_run_nothing_take_no_command(verb: str) -> None:
    needed = {"show": ["p"], "diff": ["p"], "wait": ["p"]}.get(verb, [])
    needed = ["p", "--reason", "x"] if verb in ("approve", "reject", "revoke") else needed
    with pytest.raises(UsageError, match="after `--`"):
        parsed([verb, *needed, "--", "kubectl"])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["show"],
        ["approve", "p"],
        ["propose", "rollback", "deploy/x"],
        ["propose", "explode", "deploy/x", "--summary", "x"],
        ["list", "-o", "yaml"],
        ["wait", "p", "--for", "Happiness"],
        ["list", "--all-names"],
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


def test_missing_credentials_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/none")
    assert main(["list"]) == ExitCode.ERROR
    assert capsys.readouterr().err.startswith("error: no credentials")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CliError("x"), ExitCode.ERROR),
        (UsageError("x"), ExitCode.USAGE),
        (Missing("x"), ExitCode.NOT_FOUND),
        (Refused("x"), ExitCode.REFUSED),
        (TimedOut("x"), ExitCode.TIMED_OUT),
        (BadObject("spec.x", "is missing"), ExitCode.ERROR),
        (Unrecognised("x"), ExitCode.ERROR),
        (NotFound(404, "NotFound", "x", {"name": "x"}), ExitCode.NOT_FOUND),
        (NotFound(404, "NotFound", "x"), ExitCode.NOT_FOUND),
        (Forbidden(403, "Forbidden", "x"), ExitCode.REFUSED),
        (AlreadyExists(409, "AlreadyExists", "x"), ExitCode.ERROR),
        (Unavailable(503, "ServiceUnavailable", "x"), ExitCode.ERROR),
        (KubeError(400, "BadRequest", "x"), ExitCode.ERROR),
    ],
)
def test_every_error_has_its_code(error: KubeError | CliError | BadObject, code: ExitCode) -> None:
    assert cli_error(error).code is code


def test_a_denial_is_told_in_the_gates_own_words() -> None:
    message = 'admission webhook "kinds.cutline.dev" denied the request: spec.why: is missing'
    assert str(cli_error(Forbidden(403, "Forbidden", message))) == "spec.why: is missing"
