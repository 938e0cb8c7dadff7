"""Users on the wire: `userInfo` of a request, and the stamps that the gate leaves."""

from typing import Any

from cutline.api.fields import Fields
from cutline.domain.tree import JsonObject
from cutline.domain.user import CREDENTIAL_ID_KEY, User


def user_from_user_info(tree: Any) -> User:
    """The sender of a request, as the API server authenticated it."""
    fields = Fields(tree, "userInfo")
    extra = {key: tuple(values) for key, values in ((tree or {}).get("extra") or {}).items()}
    return User(
        username=fields.text("username", ""),
        uid=fields.text("uid", ""),
        groups=fields.texts("groups"),
        credential_id=next(iter(extra.get(CREDENTIAL_ID_KEY, ())), ""),
        extra=tuple(sorted(extra.items())),
    )


def user_from_stamp(fields: Fields) -> User:
    """The person or account that the gate stamped into one of our own kinds."""
    return User(
        username=fields.text("username"),
        uid=fields.text("uid", ""),
        groups=fields.texts("groups"),
        credential_id=fields.text("credentialId", ""),
    )


def stamp_of(user: User) -> JsonObject:
    """What the gate writes into our own kinds about who sent a request."""
    stamp: dict[str, Any] = {"username": user.username}
    if user.groups:
        stamp["groups"] = list(user.groups)
    if user.uid:
        stamp["uid"] = user.uid
    if user.credential_id:
        stamp["credentialId"] = user.credential_id
    return stamp
