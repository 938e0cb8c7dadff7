"""Where the webhook's certificate is kept: the Secret `cutline-webhook-tls`, and what each step makes of it.

Whoever made the certificate, this is the one Secret that the webhook reads, so that nothing is served
before it has been judged and announced. Trees go in and come out; only `SecretStore` talks to anybody.
"""

import base64
import binascii
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from cutline.kube.errors import NotFound
from cutline.kube.resources import SECRETS, JsonObject, ResourceRef
from cutline_operator.certificate_reading import Certificates, Serving, pem_of, read_bundle, read_serving, unique
from cutline_operator.certificates import BACKDATED
from cutline_operator.owner import Owner
from cutline_operator.webhook_configurations import MANAGED_BY, PATH_BYTES, Configured, is_path

_log = logging.getLogger(__name__)

WEBHOOK_SECRET: Final = "cutline-webhook-tls"  # noqa: S105 - a name
RENEW_ANNOTATION: Final = "cutline.dev/renew"
"""On a Secret of ours, whatever its value: replace what is in it now. It goes with the replacement."""
SINCE_ANNOTATION: Final = "cutline.dev/served-since"

CERTIFICATE, KEY, BUNDLE, _PATH = "tls.crt", "tls.key", "ca.crt", "path"


@dataclass(frozen=True, slots=True)
class Stored:
    """The webhook's Secret as it was read, None where there is none.

    Secret path and bundle of one that was deleted or damaged are still in the `configured` webhook
    configurations. Keeping to them, replicas and API servers go on understanding each other.
    """

    secret: JsonObject | None
    configured: Configured

    @property
    def path(self) -> str:
        """The secret segment of the webhook's paths; empty where there is none to speak of."""
        path = text_in(self.secret, _PATH)
        return path if is_path(path) else self.configured.path

    @property
    def bundle(self) -> Certificates:
        """Whom the webhook's callers are to trust."""
        return read_bundle(text_in(self.secret, BUNDLE)) or self.configured.bundle

    @property
    def serving(self) -> Serving | None:
        """What the replicas find to serve with; None where they cannot use it."""
        if not is_path(text_in(self.secret, _PATH)):
            return None
        return read_serving(text_in(self.secret, CERTIFICATE), text_in(self.secret, KEY))

    @property
    def served_since(self) -> datetime | None:
        """When what is served was stored; None where nothing is served."""
        serving = self.serving
        if serving is None:
            return None
        try:
            moment = datetime.fromisoformat(_annotations(self.secret).get(SINCE_ANNOTATION, ""))
        except ValueError:
            moment = serving.leaf.not_valid_before_utc + BACKDATED
        return moment if moment.tzinfo else None

    @property
    def wants_renewal(self) -> bool:
        """Whether somebody has asked for another certificate now."""
        return wants_renewal(self.secret)


def announcing(stored: Stored, anchors: Certificates) -> JsonObject:
    """The webhook's Secret once `anchors` are trusted besides those that are."""
    return with_data(stored.secret, {BUNDLE: pem_of(*unique((*anchors, *stored.bundle))), _PATH: _path(stored)})


def serving_with(stored: Stored, serving: Serving, anchors: Certificates, now: datetime) -> JsonObject:
    """The webhook's Secret once it holds `serving`, and a request for it is met."""
    data = {
        CERTIFICATE: serving.chain_pem,
        KEY: serving.key_pem,
        BUNDLE: pem_of(*unique((*anchors, *stored.bundle))),
        _PATH: _path(stored),
    }
    return renewed(with_data(stored.secret, data), {SINCE_ANNOTATION: now.isoformat(timespec="seconds")})


def retiring(stored: Stored, anchors: Certificates) -> JsonObject:
    """The webhook's Secret once nobody but `anchors` is trusted."""
    return with_data(stored.secret, {BUNDLE: pem_of(*anchors)})


def _path(stored: Stored) -> str:
    return stored.path or secrets.token_hex(PATH_BYTES)


class SecretClient(Protocol):
    """What is needed of a client."""

    async def get(self, ref: ResourceRef, name: str, namespace: str | None = None) -> JsonObject:
        """One object; raises `NotFound`."""

    async def create(self, ref: ResourceRef, obj: JsonObject, namespace: str | None = None) -> JsonObject:
        """Create it; raises `AlreadyExists`."""

    async def replace(self, ref: ResourceRef, name: str, obj: JsonObject, namespace: str | None = None) -> JsonObject:
        """Put it in the place of the stored one; raises `Conflict`."""


class SecretStore:
    """Reads and writes Secrets of one installation, by name."""

    def __init__(self, client: SecretClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def read(self, name: str) -> JsonObject | None:
        """The Secret as it is now; None where there is none."""
        try:
            return await self._client.get(SECRETS, name, self._namespace)
        except NotFound:
            return None

    async def write(self, name: str, tree: JsonObject, owner: Owner) -> JsonObject:
        """Store it, as a new one of `owner`'s where it was never read. Raises `Conflict` or `AlreadyExists`
        if somebody was faster: the resourceVersion comes along, and a write of others is never undone."""
        metadata = tree.get("metadata") or {}
        if metadata.get("resourceVersion"):
            return await self._client.replace(SECRETS, name, tree, self._namespace)
        _log.info("creating secret %s", name)
        new: dict[str, Any] = {**metadata, "name": name, "namespace": self._namespace, "labels": dict(MANAGED_BY)}
        new["ownerReferences"] = [owner.reference]
        return await self._client.create(SECRETS, {**tree, "metadata": new}, self._namespace)


def wants_renewal(secret: JsonObject | None) -> bool:
    """Whether a Secret of ours carries the request to replace what is in it."""
    return RENEW_ANNOTATION in _annotations(secret)


def renewed(secret: JsonObject, annotations: Mapping[str, str]) -> JsonObject:
    """A Secret with the request to replace what is in it met, and these annotations."""
    kept = {key: value for key, value in _annotations(secret).items() if key != RENEW_ANNOTATION}
    return {**secret, "metadata": {**(secret.get("metadata") or {}), "annotations": {**kept, **annotations}}}


def with_data(secret: JsonObject | None, data: Mapping[str, str]) -> JsonObject:
    """A Secret, a new one if need be, with these values among its own."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    if secret is None:
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": encoded}
    return {**secret, "data": {**(secret.get("data") or {}), **encoded}}


def text_in(secret: JsonObject | None, key: str) -> str:
    """One value of a Secret; empty where it is missing or no text."""
    value = ((secret or {}).get("data") or {}).get(key, "")
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _annotations(secret: JsonObject | None) -> Mapping[str, str]:
    return ((secret or {}).get("metadata") or {}).get("annotations") or {}
