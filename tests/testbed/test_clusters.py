"""Which cluster CLUSTER means, what is refused on which, and what is run for one of kind's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cutline_testbed.__main__ import main
from cutline_testbed.clusters import ClusterKind, chosen, helm_arguments
from cutline_testbed.errors import TestbedError

Recorded = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLUSTER", "KUBECONFIG", "HELM_ARGS"):
        monkeypatch.delenv(name, raising=False)
    # The test runner keeps its own signal handlers.
    monkeypatch.setattr("cutline_testbed.__main__.end_on_signals", lambda: None)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All of PATH; empty at first."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def recorded(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """kind, docker and helm that only write down how they are called; and the checkout's own state out of the way."""
    record = tmp_path / "record"
    for name in ("kind", "docker", "helm"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {record}\n')
        (programs / name).chmod(0o755)
    monkeypatch.setattr("cutline_testbed.paths.states_dir", lambda: tmp_path)
    return lambda: record.read_text().splitlines()


@pytest.mark.parametrize("value", ["", "testbed"])
def test_the_testbed_is_the_default(value: str) -> None:
    assert chosen({}) is chosen({"CLUSTER": value}) is ClusterKind.TESTBED


def test_an_unknown_cluster_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(TestbedError, match="CLUSTER=minikube is none of: testbed, node, existing, kind"):
        chosen({"CLUSTER": "minikube"})


def test_helms_arguments_are_quoted_as_for_a_shell() -> None:
    assert helm_arguments({}) == []
    given = {"HELM_ARGS": "--set 'humans.userGroups={sre, people}' -f values.yaml"}
    assert helm_arguments(given) == ["--set", "humans.userGroups={sre, people}", "-f", "values.yaml"]


@pytest.mark.parametrize(
    ("command", "environment", "refusal"),
    [
        ("up", {}, "needs KUBECONFIG"),
        ("up", {"KUBECONFIG": ":"}, "needs KUBECONFIG"),
        ("install", {"KUBECONFIG": "{file}:absent"}, "KUBECONFIG names absent, which is no file"),
        ("up", {"KUBECONFIG": "{file}", "HELM_ARGS": "--set 'a=b"}, "HELM_ARGS is not quoted as a shell wants it"),
        ("up --bare", {"KUBECONFIG": "{file}"}, "knows no BARE=1 (--bare)"),
        ("down", {"KUBECONFIG": "{file}"}, "helm uninstall cutline -n cutline-system"),
        ("clean", {"KUBECONFIG": "{file}"}, "kubectl cutline uninstall"),
        ("status", {"KUBECONFIG": "{file}"}, "knows up and install, not status"),
    ],
)
def test_what_an_existing_cluster_is_not_asked(
    command: str,
    environment: dict[str, str],
    refusal: str,
    recorded: Recorded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "kubeconfig").touch()
    monkeypatch.setenv("CLUSTER", "existing")
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(file=tmp_path / "kubeconfig"))
    assert main(command.split()) == 1
    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert refusal in said
    with pytest.raises(FileNotFoundError):
        recorded()


def test_helms_arguments_are_not_for_a_testbed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HELM_ARGS", "--set a=b")
    assert main(["install", "--name", "absent"]) == 1
    assert "HELM_ARGS is for CLUSTER=existing and CLUSTER=kind" in capfd.readouterr().err


@pytest.mark.parametrize("cluster", ["existing", "kind", "minikube"])
@pytest.mark.parametrize("command", ["toolchain", "node-check", "images", "clean --all"])
def test_what_is_about_no_cluster_heeds_none(cluster: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "_" + command.split()[0].replace("-", "_")
    monkeypatch.setattr(f"cutline_testbed.__main__.{name}", lambda testbed, arguments: 42)
    monkeypatch.setenv("CLUSTER", cluster)
    assert main(command.split()) == 42


@pytest.mark.parametrize("there", [(), ("docker",), ("kind",)])
def test_kind_says_which_programs_are_missing(
    there: tuple[str, ...], programs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in there:
        (programs / name).touch(mode=0o755)
    monkeypatch.setenv("CLUSTER", "kind")
    assert main(["up"]) == 1
    missing = " and ".join(f"no {name}" for name in ("kind", "docker") if name not in there)
    assert f"CLUSTER=kind finds {missing} on PATH" in capfd.readouterr().err


def test_kind_gets_our_images_and_then_what_the_user_says(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "kind")
    monkeypatch.setenv("HELM_ARGS", "--set operator.image.tag=mine")
    assert main(["up"]) == 0
    calls = [" ".join(call.split()[:3]) for call in recorded()]
    loaded = ["docker build -t", "kind load docker-image"]
    assert calls == [
        *("docker info", "kind get clusters", "kind create cluster", "kind export kubeconfig"),
        *(*loaded, *loaded, "helm upgrade --install"),
    ]
    helm = recorded()[-1]
    assert "--wait --set webhook.image.repository=cutline-webhook --set webhook.image.tag=dev" in helm
    assert helm.endswith("--set operator.image.tag=mine")


def test_kind_without_cutline_is_a_cluster_alone(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLUSTER", "kind")
    assert main(["up", "--bare"]) == 0
    assert [call for call in recorded() if call.startswith(("helm", "docker build"))] == []
    assert "kind.kubeconfig" in capfd.readouterr().out


def test_taking_kinds_cluster_down_deletes_it(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kind.kubeconfig").touch()
    monkeypatch.setenv("CLUSTER", "kind")
    assert main(["down"]) == 0
    assert recorded() == [f"kind delete cluster --name cutline --kubeconfig {tmp_path}/kind.kubeconfig"]
    assert not (tmp_path / "kind.kubeconfig").exists()
