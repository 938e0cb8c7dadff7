"""Asking the API server what somebody may do (SubjectAccessReview).

These reviews never reach an admission webhook (since Kubernetes 1.37 by rule, before
because no rule of ours matches them), so the gate can ask while it answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cutline.domain.effect import Action
from cutline.domain.user import User
from cutline.kube.client import KubeClient
from cutline.kube.resources import SUBJECT_ACCESS_REVIEWS

_GROUP = "cutline.dev"
_RESOURCE = "actions"  # virtual: served by nobody, only authorised


class SigningVerb(StrEnum):
    """What a person may do about an action, beyond proposing it."""

    APPROVE = "approve"
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class Access:
    """One thing somebody may or may not do."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what}{'/' + self.name if self.name else ''}{where}"


def signing(verb: SigningVerb, action: Action, namespace: str) -> Access:
    """The access that approving an action, or calling an emergency for it, takes."""
    return Access(verb.value, _GROUP, _RESOURCE, namespace, action.value)


class AccessReviewer:
    """Answers "may this user do that?" from the API server's own authorizers."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def first_denied(self, user: User, accesses: Iterable[Access]) -> Access | None:
        """The first of `accesses` that `user` does not have; `None` if there is none."""
        for access in accesses:
            if not await self._is_allowed(user, access):
                return access
        return None

    async def _is_allowed(self, user: User, access: Access) -> bool:
        attributes = {
            "verb": access.verb,
            "group": access.group,
            "resource": access.resource,
            "namespace": access.namespace,
            "name": access.name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.username,
                "uid": user.uid,
                "groups": list(user.groups),
                "extra": {key: list(values) for key, values in user.extra},
                "resourceAttributes": attributes,
            },
        }
        answer = await self._client.create(SUBJECT_ACCESS_REVIEWS, review)
        return (answer.get("status") or {}).get("allowed") is True
