"""Which command lines are rehearsed, and how."""

import pytest

from cutline_cli.exits import UsageError
from cutline_cli.rehearsal.kubectl import kubectl_command


def rehearsed(line: str) -> str:
    return " ".join(kubectl_command(line.split()).rehearsed())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "kubectl scale deployment/web --replicas=2",
            "kubectl scale --dry-run=server deployment/web --replicas=2",
        ),
        ("kubectl rollout undo deploy/web", "kubectl rollout undo --dry-run=server deploy/web"),
        ("kubectl delete pod web-0 --dry-run=none", "kubectl delete --dry-run=server pod web-0"),
        ("kubectl delete pod web-0 --dry-run", "kubectl delete --dry-run=server pod web-0"),
        ("kubectl rollout restart deploy/web", "kubectl rollout restart deploy/web"),
        (
            "/opt/bin/kubectl set image deploy/web a=b -lapp=s",
            "/opt/bin/kubectl set image --dry-run=server deploy/web a=b -lapp=s",
        ),
    ],
)
def test_the_server_alone_says_what_a_dry_run_is(line: str, expected: str) -> None:
    assert rehearsed(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "helm rollback web 3",
        "sh -c kubectl",
        "kubectl",
        "kubectl get pods",
        "kubectl exec web-0 -- rm",
        "kubectl edit deploy/web",
        "kubectl myplugin",
    ],
)
def test_other_commands_are_refused(line: str) -> None:
    with pytest.raises(UsageError):
        kubectl_command(line.split())


@pytest.mark.parametrize(
    "flag",
    [
        *(
            "--kubeconfig=x",
            "--kubeconfig",
            "--context=a",
            "--cluster=a",
            "--user=a",
            "--server=https://x",
            "--token=t",
        ),
        *("-s", "-shttps://x", "-s=https://x", "-As", "-Rs=https://x", "--client-key=k", "--tls-server-name=x"),
    ],
)
def test_flags_that_lead_past_the_proxy_are_refused(flag: str) -> None:
    with pytest.raises(UsageError, match="past the dry run"):
        kubectl_command(["kubectl", "delete", "pod", "web-0", flag])


@pytest.mark.parametrize("flag", ["-nshop", "-lapp=sales", "-fsome.yaml", "--replicas=3", "-n", "-A", "-kbase"])
def test_other_flags_are_not_taken_for_those(flag: str) -> None:
    assert kubectl_command(["kubectl", "delete", "pod", flag]).rest[-1] == flag


def test_the_real_command_is_what_was_written() -> None:
    command = kubectl_command(["kubectl", "scale", "deploy/web", "--replicas=2", "-n", "other"])
    assert command.rehearsed("--namespace=shop")[:3] == ["kubectl", "--namespace=shop", "scale"]
    assert (
        " ".join(command.real("--namespace=shop")) == "kubectl --namespace=shop scale deploy/web --replicas=2 -n other"
    )


@pytest.mark.parametrize(
    "words", ["apply -f -", "apply --filename -", "replace -f=-", "apply --filename=-", "apply -f-"]
)
def test_a_manifest_on_the_standard_input_is_noticed(words: str) -> None:
    assert kubectl_command(["kubectl", *words.split()]).reads_stdin
    assert not kubectl_command(["kubectl", "apply", "-f", "file.yaml"]).reads_stdin


def test_a_drain_that_deletes_is_told_apart() -> None:
    assert kubectl_command(["kubectl", "drain", "n1", "--disable-eviction"]).deletes_instead_of_evicting
    assert not kubectl_command(["kubectl", "drain", "n1"]).deletes_instead_of_evicting


@pytest.mark.parametrize("where", [["-n", "shop"], ["--namespace", "shop"], ["--namespace=shop"], ["-nshop"]])
def test_a_namespace_may_stand_before_the_verb(where: list[str]) -> None:
    command = kubectl_command(["kubectl", *where, "rollout", "undo", "deployment/checkout"])
    assert command.verb == ("rollout", "undo")
    assert command.real() == ["kubectl", "rollout", "undo", *where, "deployment/checkout"]
