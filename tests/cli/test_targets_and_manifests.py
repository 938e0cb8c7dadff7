"""What people type becomes names and objects, or one clear line about what is wrong."""

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.effect import Action
from cutline.domain.kind import NODE
from cutline.domain.signoff import Decision
from cutline_cli.arguments import parsed
from cutline_cli.commands.approve import narrowing
from cutline_cli.commands.propose import manifest_by_name
from cutline_cli.exits import UsageError
from cutline_cli.manifests import evidence_of, proposal, signoff
from cutline_cli.targets import proposal_name, signoff_names, typed_target

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("deployment/web", "Deployment"),
        ("deploy/web", "Deployment"),
        ("deployments.apps/web", "Deployment"),
        ("deployments.v1.apps/web", "Deployment"),
        ("STS/web", "StatefulSet"),
        ("po/web", "Pod"),
        ("no/web", "Node"),
        ("ns/web", "Namespace"),
    ],
)
def test_targets_as_kubectl_takes_them(text: str, kind: str) -> None:
    target = typed_target(text)
    assert (target.kind.kind, target.name) == (kind, "web")


@pytest.mark.parametrize("text", ["web", "deployment/", "deployment/a/b", "cronjob/web", "/web", ""])
def test_other_targets_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        typed_target(text)


def test_a_bare_name_has_the_kind_that_the_action_can_only_mean() -> None:
    assert str(typed_target("node-1", default=NODE)) == "node/node-1"
    assert str(typed_target("node/node-1", default=NODE)) == "node/node-1"


@given(st.text(max_size=300), st.text(max_size=300))
def test_names_are_always_valid(proposal_words: str, user: str) -> None:
    name = proposal_name("ScaleDown", proposal_words)
    assert _SUBDOMAIN.fullmatch(name)
    assert len(name) <= 200
    for _, candidate in zip(range(12), signoff_names(name, user), strict=False):
        assert _SUBDOMAIN.fullmatch(candidate)
        assert len(candidate) <= 253


def test_sign_off_names_say_who_and_never_repeat() -> None:
    names = signoff_names("p", "https://issuer.example/#alice@example.com")
    assert [next(names) for _ in range(3)] == ["p-alice-example-com", "p-alice-example-com-2", "p-alice-example-com-3"]
    assert next(signoff_names("p", "system:serviceaccount:shop:robot")) == "p-robot"
    assert next(signoff_names("p", "日本")) == "p-someone"


def test_evidence_keeps_its_commas() -> None:
    text = "source=prometheus,claim=12 % errors, for 6 min, in all zones,link=https://p.example/?a=1,2"
    assert evidence_of(text) == {
        "source": "prometheus",
        "claim": "12 % errors, for 6 min, in all zones",
        "link": "https://p.example/?a=1,2",
    }


@pytest.mark.parametrize(
    "text", ["", "prometheus", "claim=x", "source=x", "source=,claim=x", "what=x,source=a,claim=b"]
)
def test_incomplete_evidence_names_what_is_missing(text: str) -> None:
    with pytest.raises(UsageError, match="--evidence"):
        evidence_of(text)


def propose(*words: str) -> dict[str, object]:
    arguments = parsed(["propose", *words])
    session = SimpleNamespace(namespace="shop", system_namespace="cutline-system")
    return manifest_by_name(arguments, session)  # type: ignore[arg-type] # the two fields that are read


def test_a_proposal_by_name_is_what_a_person_would_write() -> None:
    words = ["rollback", "deploy/checkout", "--to-revision", "41", "--summary", "5xx", "--name", "back-to-41"]
    more = ["--incident", "INC-1", "--confidence", "HIGH", "--decide-within", "30m", "--valid-for", "5m"]
    assert propose(*words, *more) == {
        "apiVersion": "cutline.dev/v1alpha1",
        "kind": "RemediationProposal",
        "metadata": {"name": "back-to-41", "namespace": "shop"},
        "spec": {
            "action": "Rollback",
            "target": {"group": "apps", "kind": "Deployment", "name": "checkout"},
            "rollback": {"toRevision": 41},
            "why": {"summary": "5xx", "incident": "INC-1", "confidence": "High"},
            "decideWithin": "30m",
            "validFor": "5m",
        },
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--decide-within", "25h"], "--decide-within: 25h is too long; at most 24h"),
        (["--valid-for", "31m"], "--valid-for: 31m is too long; at most 30m"),
        (["--valid-for", "soon"], "--valid-for: 'soon' is not a duration; write it like 15m, 90s or 1h30m"),
    ],
)
def test_a_time_that_does_not_do_is_told_by_its_flag(words: list[str], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        propose("rollback", "deploy/checkout", "--summary", "5xx", *words)
    assert str(refused.value) == told


def test_cluster_scoped_targets_are_proposed_beside_cutline() -> None:
    tree = propose("drain", "node-1", "--summary", "disk errors")
    assert tree["metadata"]["namespace"] == "cutline-system"  # type: ignore[index] # an object
    assert tree["spec"]["drain"] == {}  # type: ignore[index] # an object


@pytest.mark.parametrize(
    "words",
    [
        ["scale-down", "deploy/checkout"],
        ["scale-down", "deploy/checkout", "--replicas", "-1"],
        ["rollback", "deploy/checkout", "--replicas", "1"],
        ["restart", "pod/x", "--to-revision", "1"],
        ["rollback"],
        [],
        ["rollback", "deploy/checkout", "--valid-for", "31m"],
        ["rollback", "deploy/checkout", "--decide-within", "25h"],
        ["rollback", "deploy/checkout", "--decide-within", "soon"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(UsageError):
        propose(*words, "--summary", "x")


def test_changes_from_a_denial_are_carried_as_they_are() -> None:
    arguments = parsed(["propose", "--summary", "x", "--", "kubectl", "scale"])
    tree = proposal(
        arguments, action=Action.SCALE_DOWN, target=typed_target("deploy/web"), namespace="shop", changes=("{}",)
    )
    assert tree["spec"]["changes"] == [{"canonical": "{}"}]
    assert "scaleDown" not in tree["spec"]


def test_a_sign_off_is_what_a_person_would_write() -> None:
    tree = signoff(
        name="p-alice",
        namespace="shop",
        proposal_name="p",
        digest="sha256:0",
        decision=Decision.APPROVE,
        reason="seen",
        narrow={"replicas": 3},
    )
    assert tree["spec"] == {
        "proposal": "p",
        "digest": "sha256:0",
        "decision": "Approve",
        "reason": "seen",
        "narrow": {"replicas": 3},
    }


def test_narrowing_takes_only_away() -> None:
    words = [
        "approve",
        "p",
        "--reason",
        "x",
        "--replicas",
        "3",
        "--pod",
        "shop/b",
        "--pod",
        "shop/a",
        "--valid-for",
        "5m",
    ]
    assert narrowing(parsed(words)) == {"replicas": 3, "pods": ["shop/a", "shop/b"], "validFor": "5m"}
    assert narrowing(parsed(["approve", "p", "--reason", "x"])) == {}


@pytest.mark.parametrize(
    "words", [["--replicas", "-1"], ["--pod", "web-0"], ["--pod", "a/b/c"], ["--valid-for", "31m"]]
)
def test_narrowing_that_cannot_be_meant_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(UsageError):
        narrowing(parsed(["approve", "p", "--reason", "x", *words]))
