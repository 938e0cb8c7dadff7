"""A claim: one use of a signed change, and when a request is that same use again."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.change import Change, End, Verb
from cutline.domain.claim import RETRY_WINDOW, Claim, claim_name, why_spent
from cutline.domain.difference import Field
from cutline.domain.kind import NODE, POD
from cutline.domain.live import Live
from cutline.domain.tree import ABSENT
from cutline.domain.user import User
from tests import builders as make
from tests import wire

USED = "was used already, and a signature is good for one use"
PROPOSAL = make.make_proposal()


def workload(generation: int = 7, resource_version: str = "100") -> Live:
    return make.make_live(tree=wire.make_workload(generation=generation, resource_version=resource_version))


def node(resource_version: str = "300") -> Live:
    tree = wire.make_node()
    tree["metadata"]["resourceVersion"] = resource_version
    return make.make_live(NODE, tree)


SCALE = make.make_change()
CORDON = make.make_change(node(), Field("/spec/unschedulable", ABSENT, True))
LABEL = make.make_change(None, Field("/metadata/labels/tier", "payments", ABSENT))


def claimed(change: Change = SCALE, live: Live | None = None, seconds: float = 10) -> Claim:
    """The use of `change` so many seconds ago, when the target was `live`."""
    return make.make_claim(PROPOSAL, change, live or workload(), created=make.ago(seconds=seconds))


def spent(claim: Claim, change: Change, live: Live, actor: User = make.AGENT) -> str:
    return why_spent(claim, change, actor, live, make.NOW)


# --- an update


@pytest.mark.parametrize("seconds", [0, 34, 35, 3600])
def test_while_the_target_has_not_moved_the_use_is_still_to_happen(seconds: float) -> None:
    assert spent(claimed(seconds=seconds), SCALE, workload()) == ""
    assert spent(claimed(seconds=seconds), SCALE, workload(resource_version="999")) == ""


@pytest.mark.parametrize(("seconds", "admitted"), [(0, True), (10, True), (34.9, True), (35, False), (36, False)])
def test_after_one_foreign_write_a_retry_is_the_same_use_for_35_seconds(seconds: float, admitted: bool) -> None:
    assert spent(claimed(seconds=seconds), SCALE, workload(generation=8)) == ("" if admitted else USED)


@pytest.mark.parametrize("generation", [9, 10, 100])
def test_there_and_back_again_is_another_use(generation: int) -> None:
    assert spent(claimed(), SCALE, workload(generation=generation)) == USED


def test_a_claim_of_a_generation_that_nobody_noted_is_judged_by_the_version() -> None:
    blind = replace(claimed(seconds=60), generation=None)
    assert spent(blind, SCALE, workload()) == ""
    assert spent(blind, SCALE, workload(resource_version="101")) == USED


@pytest.mark.parametrize("actor", [make.BOB, User(make.AGENT.username, "made-again")])
def test_another_actor_never_takes_it_up(actor: User) -> None:
    assert spent(claimed(), SCALE, workload(), actor) == f"was used by {make.AGENT.username}"


def test_another_change_is_another_use() -> None:
    narrower = make.make_change(None, Field("/spec/replicas", 5, 4))
    assert spent(claimed(), narrower, workload()) == "was used for another change"


def test_the_same_change_of_another_object_is_another_use() -> None:
    again = replace(SCALE, target=replace(SCALE.target, uid="made-again"))
    assert spent(claimed(), again, workload()) == "was used on another object"


# --- kinds and changes without a generation


@pytest.mark.parametrize(("seconds", "admitted"), [(10, True), (34.9, True), (35, False)])
def test_a_node_that_was_written_in_between_is_retried_for_35_seconds(seconds: float, admitted: bool) -> None:
    claim = claimed(CORDON, node(), seconds)
    assert claim.generation is None
    assert spent(claim, CORDON, node("301")) == ("" if admitted else USED)
    assert spent(claim, CORDON, node()) == ""


@pytest.mark.parametrize(("seconds", "admitted"), [(34, True), (35, False)])
def test_labels_move_no_generation_and_are_judged_by_the_version(seconds: float, admitted: bool) -> None:
    claim = claimed(LABEL, workload(), seconds)
    assert spent(claim, LABEL, workload(resource_version="101")) == ("" if admitted else USED)
    assert spent(claim, LABEL, workload()) == ""


# --- removals


def removal(verb: Verb, grace: int | None = None, uid: str = "web-1-uid") -> Change:
    return Change(pod(uid).target, verb, end=End(grace))


def pod(uid: str = "web-1-uid", resource_version: str = "200") -> Live:
    tree = wire.make_pod(uid=uid)
    tree["metadata"]["resourceVersion"] = resource_version
    return make.make_live(POD, tree)


@pytest.mark.parametrize("seconds", [0, 34, 35, 600])
@pytest.mark.parametrize(
    ("first", "again"),
    [
        ((Verb.EVICT, None), (Verb.EVICT, None)),
        ((Verb.EVICT, None), (Verb.EVICT, 30)),
        ((Verb.DELETE, 0), (Verb.DELETE, 0)),
        ((Verb.DELETE, None), (Verb.EVICT, None)),
        ((Verb.DELETE, 0), (Verb.DELETE, None)),
    ],
)
def test_every_attempt_to_remove_one_pod_is_one_use(first: Any, again: Any, seconds: float) -> None:
    claim = claimed(removal(*first), pod(), seconds)
    assert spent(claim, removal(*again), pod(resource_version="201")) == ""


@pytest.mark.parametrize(
    ("first", "again", "why"),
    [
        (
            (Verb.EVICT, None),
            (Verb.DELETE, None),
            "was used as an eviction; a delete passes by disruption budgets",
        ),
        ((Verb.EVICT, None), (Verb.EVICT, 0), "was used with 30s of grace, not 0s"),
        ((Verb.DELETE, 10), (Verb.DELETE, 5), "was used with 10s of grace, not 5s"),
    ],
)
def test_a_harsher_attempt_is_another_use(first: Any, again: Any, why: str) -> None:
    assert spent(claimed(removal(*first), pod()), removal(*again), pod()) == why


def test_the_pod_that_took_the_name_is_another() -> None:
    claim = claimed(removal(Verb.EVICT), pod())
    assert spent(claim, removal(Verb.EVICT, uid="again"), pod("again")) == "was used on another object"


def test_nobody_else_removes_the_pod() -> None:
    assert spent(claimed(removal(Verb.EVICT), pod()), removal(Verb.EVICT), pod(), make.BOB)


# --- its name


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?", fullmatch=True), st.uuids(), st.text(max_size=9))
def test_a_name_is_one_that_kubernetes_takes(proposal: str, uid: Any, digest: str) -> None:
    name = claim_name(proposal, str(uid), digest)
    assert len(name) <= 57
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)


def test_a_name_is_known_letter_by_letter() -> None:
    assert claim_name("web-to-3", "uid", "sha256:0") == "web-to-3-hlmrcmawus2xqrhd"


def test_two_uses_never_share_a_name() -> None:
    names = {claim_name("p", uid, digest) for uid in ("1", "2") for digest in ("sha256:1", "sha256:2")}
    assert len(names) == 4
    assert claim_name("p" * 41, "1", "d") == claim_name("p" * 40, "1", "d")


def test_the_window_outlives_the_api_servers_patience() -> None:
    assert timedelta(seconds=34) < RETRY_WINDOW <= timedelta(seconds=35)
