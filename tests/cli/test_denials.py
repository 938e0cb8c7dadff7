"""The gate's denials, read from the causes; and what is proposed for them."""

import asyncio
import json
from typing import Any

import pytest

from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.target import Target
from cutline.domain.tree import ABSENT
from cutline_cli.exits import CliError, Refused, UsageError
from cutline_cli.rehearsal.denials import Denial, OtherRefusal, refusal_of
from cutline_cli.rehearsal.kubectl import KubectlCommand, kubectl_command
from cutline_cli.rehearsal.outcome import Wanted, marks_node, wanted_after
from cutline_cli.rehearsal.run import Rehearsed
from tests.cli.samples import scale_down_change

NODE = Target("", "Node", "", "node-1", "n-1")
CORDON = Change(NODE, Verb.UPDATE, (Field("/spec/unschedulable", ABSENT, True),))
SCALE = "kubectl scale deployment/checkout --replicas=2"


def status(change: Change | None, effects: list[str], action: str, **verdict: Any) -> bytes:
    """A denial as `cutline_webhook` answers it, behind the API server's introduction."""
    summary = {"conclusion": "Unsigned", "reason": "NoProposal", "effects": effects, "action": action, **verdict}
    causes = [{"reason": "CutlineVerdict", "message": json.dumps(summary)}]
    if change is not None:
        causes.append({"reason": "CutlineChange", "message": change.canonical})
    causes.append({"reason": "CutlineApprovalsMissing", "message": "1 approval from sre", "field": "shop/x"})
    return json.dumps(
        {
            "kind": "Status",
            "code": 403,
            "message": 'admission webhook "scale.gate.cutline.dev" denied the request: needs a signed proposal.',
            "details": {"causes": causes},
        }
    ).encode()


def denial(change: Change | None, effects: list[str], action: str, **verdict: Any) -> Denial:
    found = refusal_of(403, status(change, effects, action, **verdict))
    assert isinstance(found, Denial)
    return found


def eviction(pod: str) -> Denial:
    return denial(Change(Target("", "Pod", "shop", pod, pod), Verb.EVICT, end=End()), ["PodRemoval"], "Restart")


def wanted(command: str, *denials: Denial, exit_code: int = 1, errors: str = "", **other: Any) -> Wanted | None:
    async def node_of(pod: Target) -> str:
        return f"node-of-{pod.name}"

    parsed: KubectlCommand = kubectl_command(command.split())
    rehearsed = Rehearsed(denials, other.get("others", ()), exit_code, errors)
    return asyncio.run(wanted_after(parsed, rehearsed, node_of))


def test_a_denial_carries_the_exact_change() -> None:
    change = scale_down_change()
    found = denial(change, ["ScaleDown"], "ScaleDown")
    assert found.change == change
    assert found.effects == {Effect.SCALE_DOWN}
    assert found.action is Action.SCALE_DOWN
    assert found.message == "needs a signed proposal."
    assert found.objections == (("ApprovalsMissing", "1 approval from sre"),)


def test_refusals_by_others_are_theirs() -> None:
    body = json.dumps({"kind": "Status", "message": "pods is forbidden", "details": {"kind": "pods"}}).encode()
    assert refusal_of(403, body) == OtherRefusal("pods is forbidden")
    foreign = {"kind": "Status", "message": "no", "details": {"causes": [{"reason": "FieldValueInvalid"}]}}
    assert refusal_of(403, json.dumps(foreign).encode()) == OtherRefusal("no")


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"kind":"Pod"}', b"\xff"])
def test_what_is_no_refusal_is_left_alone(body: bytes) -> None:
    assert refusal_of(403, body) is None
    assert refusal_of(200, status(None, [], "")) is None


def test_a_denial_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(CliError, match="cannot be read"):
        denial(None, ["Vaporise"], "")
    with pytest.raises(CliError, match="cannot be read"):
        denial(None, [], "Vaporise")


def test_one_denial_becomes_one_proposal_of_exactly_that_change() -> None:
    change = scale_down_change()
    found = wanted(SCALE, denial(change, ["ScaleDown"], "ScaleDown"))
    assert found is not None
    assert (found.action, str(found.target), found.namespace) == (Action.SCALE_DOWN, "deployment/checkout", "shop")
    assert found.changes == (change.canonical,)


def test_the_same_change_denied_twice_is_one() -> None:
    twice = denial(scale_down_change(), ["ScaleDown"], "ScaleDown")
    assert wanted(SCALE, twice, twice) is not None


def test_several_objects_are_refused() -> None:
    with pytest.raises(Refused, match="one object at a time"):
        wanted("kubectl delete pods --all", eviction("a"), eviction("b"))


def test_nothing_denied_means_nothing_to_sign() -> None:
    assert wanted(SCALE, exit_code=0) is None


def test_a_command_that_fails_by_itself_is_reported() -> None:
    with pytest.raises(CliError, match="not found"):
        wanted(SCALE, errors="error: deployments checkout not found")
    with pytest.raises(Refused, match="forbidden"):
        wanted(SCALE, others=(OtherRefusal("it is forbidden"),))


def test_a_drain_is_proposed_whole() -> None:
    mark = denial(CORDON, ["Drain"], "Drain")
    assert marks_node(mark)
    found = wanted("kubectl drain node-1", mark)
    assert found is not None
    assert (found.action, str(found.target), found.changes) == (Action.DRAIN, "node/node-1", ())


def test_a_drain_of_a_cordoned_node_is_known_by_its_pods() -> None:
    found = wanted("kubectl drain node-1", eviction("a"), eviction("a"))
    assert found is not None
    assert str(found.target) == "node/node-of-a"
    with pytest.raises(Refused, match="one node at a time"):
        wanted("kubectl drain -l zone=a", eviction("a"), eviction("b"))


def test_a_cordon_alone_is_proposed_as_it_is() -> None:
    found = wanted("kubectl cordon node-1", denial(CORDON, ["Drain"], "Drain"))
    assert found is not None
    assert found.changes == (CORDON.canonical,)


def test_a_drain_that_deletes_is_refused() -> None:
    with pytest.raises(UsageError, match="disable-eviction"):
        wanted("kubectl drain node-1 --disable-eviction", eviction("a"))


def test_what_cannot_be_proposed_is_refused() -> None:
    with pytest.raises(Refused, match="could not decide"):
        wanted(SCALE, denial(None, [], "", conclusion="Undecided"))
    with pytest.raises(Refused, match="larger than"):
        wanted(SCALE, denial(None, ["ScaleDown"], "ScaleDown"))
    with pytest.raises(Refused, match="nothing can be proposed"):
        wanted(SCALE, denial(scale_down_change(), ["CutTraffic"], "CutTraffic"))
    with pytest.raises(Refused, match="nothing can be proposed"):
        wanted(SCALE, denial(scale_down_change(), ["Custom"], ""))
