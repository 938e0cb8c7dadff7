"""What the self test makes of answers that a healthy gate does not give."""

import asyncio
import json
from typing import Any, cast

import pytest

from cutline.kube.client import KubeClient
from cutline.kube.errors import Forbidden, NotFound, Unavailable
from cutline_webhook.selftest import Failed, Subject, check_all, check_within

SUBJECT = Subject("cutline-system", "production")
DECLINED = Forbidden(
    403,
    "Forbidden",
    'admission webhook "stamp.kinds.cutline.dev" denied the request: spec.target: no policy draws a line here',
)
FAILING = Unavailable(500, "InternalError", "failed calling webhook: connection refused")


def refused(conclusion: str) -> Forbidden:
    cause = {"reason": "CutlineVerdict", "message": json.dumps({"conclusion": conclusion})}
    return Forbidden(403, "Forbidden", "needs a signed proposal", {"causes": [cause]})


class Api:
    """An API server whose answers a test sets; by default those of a healthy gate."""

    def __init__(self) -> None:
        self.enforcement = "Deny"
        self.missing: tuple[str, ...] = ()
        self.on_create: object = DECLINED
        self.on_delete: object = refused("Unsigned")
        self.on_patch: object = {}

    async def get(self, ref: Any, name: str) -> object:
        if name in self.missing:
            raise NotFound(404, "NotFound", f"{name} not found")
        return {"metadata": {"name": name}, "spec": {"enforcement": self.enforcement, "lines": [{"name": "a"}]}}

    async def create(self, ref: Any, obj: object, namespace: str, *, dry_run: bool) -> object:
        return self._answer(self.on_create, dry_run)

    async def delete(self, ref: Any, name: str, *, dry_run: bool, timeout: float) -> object:  # noqa: ASYNC109
        return self._answer(self.on_delete, dry_run)

    async def patch(self, ref: Any, name: str, patch: object, *, dry_run: bool, **_: object) -> object:
        return self._answer(self.on_patch, dry_run)

    @staticmethod
    def _answer(answer: object, dry_run: bool) -> object:
        assert dry_run, "what is tried must never happen"
        if isinstance(answer, Exception):
            raise answer
        return answer


def check(api: Api, subject: Subject = SUBJECT) -> list[str]:
    return asyncio.run(check_all(cast("KubeClient", api), subject))


def test_a_healthy_gate_is_told_of_line_by_line() -> None:
    assert check(Api()) == [
        "configurations: all three stand",
        "own kinds: the webhook read the policies and the pod, and needs no proposal for it",
        "gate: deleting the policy production unsigned is refused",
        "gate: one more line for the policy production passes unsigned",
    ]


def test_a_gated_namespace_of_our_own_takes_the_proposal() -> None:
    api = Api()
    api.on_create = {"spec": {"digest": "sha256:00"}}
    assert "own kinds: the webhook completed a proposal" in check(api)


@pytest.mark.parametrize("name", ["cutline-kinds", "cutline-gate"])
def test_a_missing_configuration_sends_the_reader_to_the_operator(name: str) -> None:
    api = Api()
    api.missing = (name,)
    with pytest.raises(Failed, match=f"{name} does not exist.*its log says"):
        check(api)


@pytest.mark.parametrize(
    ("field", "answer", "said"),
    [
        ("on_create", {"spec": {}}, "the webhook was not asked"),
        ("on_create", Forbidden(403, "Forbidden", "Cutline is not ready; try again"), "Cutline is not ready"),
        ("on_delete", {}, "should be refused as Unsigned, and was let through"),
        ("on_delete", refused("Undecided"), "was Undecided"),
        ("on_delete", Forbidden(403, "Forbidden", "no such right"), "somebody else refused it: no such right"),
        ("on_patch", refused("Unsigned"), "loosens nothing, and was refused"),
    ],
)
def test_a_gate_that_answers_wrongly_is_a_failure(field: str, answer: object, said: str) -> None:
    api = Api()
    setattr(api, field, answer)
    with pytest.raises(Failed, match=said):
        check(api)


def test_a_policy_that_does_not_enforce_must_not_refuse() -> None:
    api = Api()
    api.enforcement = "Audit"
    with pytest.raises(Failed, match="though it says Audit"):
        check(api)
    api.on_delete = {}
    assert "gate: deleting the policy production unsigned passes, for it says Audit" in check(api)


def test_it_tries_until_the_time_is_up_and_tells_the_last_failure() -> None:
    api = Api()
    api.on_delete = FAILING
    with pytest.raises(Failed, match="failed calling webhook"):
        asyncio.run(check_within(cast("KubeClient", api), SUBJECT, 0))
