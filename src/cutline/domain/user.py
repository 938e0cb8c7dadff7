"""Who sent a request, and who counts as a human."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field

SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
CREDENTIAL_ID_KEY = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True, slots=True)
class User:
    """An identity as the API server authenticated it (`userInfo` of a request).

    `credential_id` is empty where the authenticator gave none, which is also how
    plain impersonation looks: the API server drops the real credential's id then.
    """

    username: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    credential_id: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), compare=False)

    def is_same_as(self, other: "User") -> bool:
        """The same account: equal names, and equal uids where both have one.

        A service account that was deleted and made again has the same name and
        another uid: it is somebody else. For every rule that lets somebody in.
        """
        if self.username != other.username:
            return False
        return not (self.uid and other.uid) or self.uid == other.uid

    def may_be(self, other: "User") -> bool:
        """Whether the two may be one person, for every rule that keeps somebody out.

        One name is enough: two authenticators may know a person under different uids, and
        some take a name in whatever case it is typed.
        """
        return self.person == other.person

    @property
    def person(self) -> str:
        """What all spellings of the user's name have in common: nobody is counted twice by it."""
        return unicodedata.normalize("NFKC", self.username).casefold().strip()

    @property
    def is_service_account(self) -> bool:
        return self.username.startswith(SERVICE_ACCOUNT_PREFIX)


def service_account(namespace: str, name: str) -> str:
    """The user name under which the API server knows a service account."""
    return f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


@dataclass(frozen=True, slots=True)
class HumanPredicate:
    """The configured answer to "is this a person?".

    A person is in one of `user_groups`. Names and groups that Kubernetes reserves
    for machines (`system:`) never are, whatever other groups they carry: neither
    service accounts and nodes nor the shared administrators of `system:masters`,
    behind which any number of people and programs may stand.
    """

    user_groups: frozenset[str]

    def accepts(self, user: User) -> bool:
        if user.username.startswith("system:") or not user.username:
            return False
        if any(_belongs_to_machines(group) for group in user.groups):
            return False
        return bool(self.user_groups & frozenset(user.groups))


def _belongs_to_machines(group: str) -> bool:
    return group in _MACHINE_GROUPS or group.startswith("system:serviceaccounts:")


_MACHINE_GROUPS: Collection[str] = frozenset({"system:serviceaccounts", "system:nodes", "system:masters"})
