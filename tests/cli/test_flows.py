"""Whole commands, from the words typed to the text printed, against a played API server."""

import io
import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.tree import ABSENT
from cutline_cli.__main__ import main
from cutline_cli.exits import ExitCode
from tests.cli.api_server import PlayedApiServer, serving
from tests.cli.samples import AGENT, ALICE, SAM, deployment, entry, eviction, mark, proposal, tree_of, update
from tests.wire import make_policy_tree

_DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/checkout"
# Plays kubectl: sends the scale that its words ask for to whatever its kubeconfig names.
_KUBECTL = """#!{python}
import json, os, sys, urllib.error, urllib.request
server = json.load(open(os.environ["KUBECONFIG"]))["clusters"][0]["cluster"]["server"]
replicas = int(next(w for w in sys.argv if w.startswith("--replicas=")).split("=")[1])
request = urllib.request.Request(
    server + "/apis/apps/v1/namespaces/shop/deployments/checkout/scale",
    data=json.dumps({{"spec": {{"replicas": replicas}}}}).encode(),
    headers={{"Content-Type": "application/merge-patch+json"}},
    method="PATCH",
)
try:
    urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    sys.exit("error: " + json.load(error)["message"])
print("scaled for real")
"""


class _Typed(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PlayedApiServer]:
    """A played API server, and this process's kubeconfig leading to it."""
    with serving() as state:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": state.url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
            "current-context": "x",
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield state


@pytest.fixture
def kubectl(tmp_path: Path) -> str:
    program = tmp_path / "kubectl"
    program.write_text(_KUBECTL.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def only_proposal(server: PlayedApiServer) -> str:
    return next(path for path in server.objects if "/remediationproposals/" in path).rsplit("/", 1)[-1]


def test_from_the_proposal_to_the_approval(server: PlayedApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.user = AGENT
    words = ["scale-down", "deploy/checkout", "--replicas", "2", "--summary", "idle", "--name", "fewer"]
    assert main(["propose", *words]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert "proposed fewer in shop: ScaleDown of deployment/checkout" in printed
    assert "next:    kubectl cutline wait fewer -n shop --for Approved" in printed

    assert main(["wait", "fewer", "--timeout", "1s"]) == ExitCode.TIMED_OUT

    server.user = ALICE
    assert main(["show", "fewer"]) == ExitCode.OK
    screen = capsys.readouterr().out
    digest = next(word for word in screen.split() if word.startswith("sha256:") and len(word) == 71)
    assert "Pending, signed 0/2" in screen

    assert main(["approve", "fewer", "--reason", "fine", "--yes", "--digest", digest[:23]]) == ExitCode.OK
    assert main(["approve", "fewer", "--reason", "still fine", "--yes"]) == ExitCode.OK
    names = [path.rsplit("/", 1)[-1] for path in server.objects if "/signoffs/" in path]
    assert names == ["fewer-alice", "fewer-alice-2"]

    server.user = SAM
    assert main(["approve", "fewer", "--reason", "fine", "--yes"]) == ExitCode.OK
    server.user = AGENT
    capsys.readouterr()
    assert main(["wait", "fewer", "-o", "json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"name": "fewer", "phase": "Approved", "signed": "2/2"}
    assert main(["list"]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines()[1].split()[:5] == [
        "fewer",
        "ScaleDown",
        "deployment/checkout",
        "Approved",
        "2/2",
    ]


def test_who_may_read_policies_but_not_what_surrounds_the_target_is_shown_the_proposal_all_the_same(
    server: PlayedApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["propose", "scale-down", "deploy/checkout", "--replicas", "2", "--summary", "x", "--name", "fewer"])
    server.objects["/apis/cutline.dev/v1alpha1/reversibilitypolicies/production"] = make_policy_tree()
    assert main(["show", "fewer"]) == ExitCode.OK
    assert "2 approvals from sre, 1 of them from seniors (production/payments)" in capsys.readouterr().out


def test_a_rejection_ends_the_waiting(server: PlayedApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    main(["propose", "scale-down", "deploy/checkout", "--replicas", "2", "--summary", "x", "--name", "fewer"])
    server.user = SAM
    assert main(["reject", "fewer", "--reason", "not at noon", "--yes"]) == ExitCode.OK
    assert main(["wait", "fewer", "--timeout", "30s"]) == ExitCode.REFUSED
    told = "fewer is Rejected, so waiting for Approved ends here: Reject by sam (not at noon)"
    assert told in capsys.readouterr().err


def test_nothing_is_signed_unseen(server: PlayedApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    main(["propose", "scale-down", "deploy/checkout", "--replicas", "2", "--summary", "x", "--name", "fewer"])
    # No terminal, no --yes.
    assert main(["approve", "fewer", "--reason", "x"]) == ExitCode.REFUSED
    assert main(["approve", "fewer", "--reason", "x", "--yes", "--digest", "sha256:" + "0" * 16]) == ExitCode.REFUSED
    assert main(["approve", "fewer", "--reason", "x", "--yes", "--digest", "sha256:00"]) == ExitCode.USAGE
    tree = next(tree for path, tree in server.objects.items() if "/remediationproposals/" in path)
    tree["spec"]["validFor"] = "1s"
    assert main(["approve", "fewer", "--reason", "x", "--yes"]) == ExitCode.REFUSED
    assert "do not sign it" in capsys.readouterr().err
    assert not any("/signoffs/" in path for path in server.objects)


def test_a_command_is_rehearsed_and_exactly_its_change_proposed(server: PlayedApiServer, kubectl: str) -> None:
    assert main(["propose", "--summary", "idle", "--", kubectl, "scale", "x", "--replicas=2"]) == ExitCode.OK
    assert server.objects[_DEPLOYMENT]["spec"]["replicas"] == 6
    assert [query for method, _, query in server.requests if method == "PATCH"] == ["dryRun=All"]
    tree = server.objects[f"/apis/cutline.dev/v1alpha1/namespaces/shop/remediationproposals/{only_proposal(server)}"]
    assert '"new":2' in tree["spec"]["changes"][0]["canonical"]


def test_an_emergency_proposes_and_then_runs_the_command(
    server: PlayedApiServer, kubectl: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--reason", "orders are lost", "--ticket", "INC-1", "--", kubectl, "scale", "x", "--replicas=2"]
    # The played kubectl knows no global flags; the last word decides.
    assert main(["emergency", *words]) == ExitCode.OK
    assert server.objects[_DEPLOYMENT]["spec"]["replicas"] == 2
    printed = capfd.readouterr().out
    assert "scaled for real" in printed
    assert "called by you alone" in printed
    assert only_proposal(server).startswith("emergency-checkout-")


@pytest.mark.parametrize(("valid_for", "lasts"), [("5m", "5m"), ("30m", "15m")])
def test_an_emergency_is_announced_for_as_long_as_the_gate_keeps_it_open(
    server: PlayedApiServer, kubectl: str, capfd: pytest.CaptureFixture[str], valid_for: str, lasts: str
) -> None:
    words = ["--reason", "orders are lost", "--ticket", "INC-1", "--valid-for", valid_for]
    assert main(["emergency", *words, "--", kubectl, "scale", "x", "--replicas=2"]) == ExitCode.OK
    assert f"For {lasts} from its start exactly this change passes, once." in capfd.readouterr().out


def test_an_emergency_for_programs_is_json_and_nothing_else(
    server: PlayedApiServer, kubectl: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--reason", "orders are lost", "--ticket", "INC-1", "-o", "json", "--", kubectl, "scale", "x"]
    assert main(["emergency", *words, "--replicas=2"]) == ExitCode.OK
    printed = capfd.readouterr()
    assert json.loads(printed.out)["spec"]["emergency"]["ticket"] == "INC-1"
    assert "scaled for real" in printed.err
    assert main(["emergency", *words, "--replicas=9"]) == ExitCode.OK
    printed = capfd.readouterr()
    assert json.loads(printed.out)["signatureNeeded"] is False
    assert "scaled for real" in printed.err


def test_what_is_not_there_is_said_so(server: PlayedApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["show", "nope"], ["diff", "nope"], ["wait", "nope"], ["approve", "nope", "--reason", "x", "--yes"]):
        assert main(words) == ExitCode.NOT_FOUND
        assert capsys.readouterr().err.startswith("error: there is no proposal nope in namespace shop")


def test_programs_get_json(server: PlayedApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            "propose",
            "scale-down",
            "deploy/checkout",
            "--replicas",
            "2",
            "--summary",
            "x",
            "--name",
            "fewer",
            "-o",
            "json",
        ]
    )
    assert json.loads(capsys.readouterr().out)["metadata"]["name"] == "fewer"
    main(["show", "fewer", "-o", "json"])
    assert json.loads(capsys.readouterr().out)["standing"]["phase"] == "Pending"
    main(["list", "-A", "-o", "json"])
    assert len(json.loads(capsys.readouterr().out)["items"]) == 1
    main(["diff", "fewer", "-o", "json"])
    assert json.loads(capsys.readouterr().out)[0]["effects"] == ["ScaleDown"]
    main(["approve", "fewer", "--reason", "x", "--yes", "-o", "json"])
    assert json.loads(capsys.readouterr().out)["spec"]["decision"] == "Approve"


_CONFIGURATIONS = [
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cutline-gate",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cutline-kinds",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/cutline-kinds",
]


def test_an_uninstall_deletes_the_gate_first(server: PlayedApiServer) -> None:
    server.objects |= {path: {} for path in reversed(_CONFIGURATIONS)}
    assert main(["uninstall"]) == ExitCode.REFUSED
    assert not [path for method, path, _ in server.requests if method == "DELETE"]
    assert main(["uninstall", "--yes"]) == ExitCode.OK
    assert [path for method, path, _ in server.requests if method == "DELETE"][:3] == _CONFIGURATIONS


def test_an_uninstall_finds_the_release_where_helm_put_it(
    server: PlayedApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = {"meta.helm.sh/release-name": "gate", "meta.helm.sh/release-namespace": "guards"}
    owner = "/apis/rbac.authorization.k8s.io/v1/clusterroles/cutline-operator"
    server.objects |= {**{path: {} for path in _CONFIGURATIONS}, owner: {"metadata": {"annotations": noted}}}
    assert main(["uninstall", "--yes"]) == ExitCode.OK
    assert ("PATCH", "/apis/apps/v1/namespaces/guards/deployments/cutline-operator/scale") in {
        (method, path) for method, path, _ in server.requests
    }
    assert "helm uninstall gate -n guards" in capsys.readouterr().out


def test_an_uninstall_that_does_not_last_is_an_error(
    server: PlayedApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.objects |= {path: {} for path in _CONFIGURATIONS}
    server.restored = {_CONFIGURATIONS[0]}
    assert main(["uninstall", "--yes"]) == ExitCode.ERROR
    assert "cutline-gate has come back" in capsys.readouterr().err


def test_show_says_what_was_rejected_before(server: PlayedApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("fewer", "again"):
        main(["propose", "scale-down", "deploy/checkout", "--replicas", "2", "--summary", "x", "--name", name])
    server.user = SAM
    main(["reject", "fewer", "--reason", "not at noon", "--yes"])
    capsys.readouterr()
    assert main(["show", "again"]) == ExitCode.OK
    assert "before   rejected by sam in proposal fewer, " in capsys.readouterr().out
    main(["show", "again", "-o", "json"])
    (rejection,) = json.loads(capsys.readouterr().out)["rejectedBefore"]
    assert (rejection["proposal"], rejection["by"]) == ("fewer", "sam")


def test_whoever_confirms_is_told_every_change(
    server: PlayedApiServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = [
        entry(update(Field("/metadata/annotations", ABSENT, {f"a{number}": "x" for number in range(99)}))),
        entry(update(Field("/spec/replicas", 6, 2)), Effect.SCALE_DOWN),
        entry(update(Field("/spec/replicas", 3, 0), name="zdb"), Effect.SCALE_DOWN),
    ]
    made = proposal("fewer", uid="uid-fewer", changes=tuple(hidden))
    server.objects["/apis/cutline.dev/v1alpha1/namespaces/shop/remediationproposals/fewer"] = tree_of(made)
    monkeypatch.setattr(sys, "stdin", _Typed("no\n"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["approve", "fewer", "--reason", "x"]) == ExitCode.REFUSED
    assert "ScaleDown of deployment/zdb (shop), replicas 3 -> 0" in capsys.readouterr().out


def test_targets_are_each_read_live(server: PlayedApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    zdb = deployment(3)
    zdb["metadata"] = {**zdb["metadata"], "name": "zdb"}
    server.objects["/apis/apps/v1/namespaces/shop/deployments/zdb"] = zdb
    both = [
        entry(update(Field("/spec/replicas", 6, 2)), Effect.SCALE_DOWN),
        entry(update(Field("/spec/replicas", 3, 0), name="zdb"), Effect.SCALE_DOWN),
        entry(update(Field("/spec/replicas", 3, 0), name="gone"), Effect.SCALE_DOWN),
    ]
    made = proposal("fewer", uid="uid-fewer", changes=tuple(both))
    server.objects["/apis/cutline.dev/v1alpha1/namespaces/shop/remediationproposals/fewer"] = tree_of(made)
    assert main(["show", "fewer"]) == ExitCode.OK
    screen = capsys.readouterr().out
    assert "now      deployment/checkout (shop): 6 replicas, 6 ready" in screen
    assert "         deployment/zdb (shop): 3 replicas, 3 ready" in screen
    assert "         deployment/gone (shop): it does not exist any more" in screen


def test_a_drain_looks_at_its_node_and_not_at_the_pods_that_come_and_go(
    server: PlayedApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    pods = [eviction(f"web-{number}") for number in range(9)]
    changes = (mark(Field("/spec/unschedulable", ABSENT, True)), *pods)
    made = proposal("empty", uid="uid-empty", action=Action.DRAIN, changes=changes)
    server.objects["/apis/cutline.dev/v1alpha1/namespaces/shop/remediationproposals/empty"] = tree_of(made)
    server.objects["/api/v1/nodes/node-1"] = {"kind": "Node", "metadata": {"name": "node-1", "uid": "n-1"}, "spec": {}}
    assert main(["show", "empty"]) == ExitCode.OK
    assert "node/node-1: readiness unknown, takes pods\n         and 9 pods, not looked at" in capsys.readouterr().out
    assert not [path for _, path, _ in server.requests if "/pods/" in path]
