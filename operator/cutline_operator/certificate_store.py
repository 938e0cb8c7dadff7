"""Where the certificates are kept: two Secrets, and the steps that change them.

The webhook reads `cutline-webhook-tls`. The authority's private key stands in `cutline-ca`, which
nobody reads but the operator: who could read the webhook's Secret could otherwise pose as any
other webhook that trusts this authority.
"""

import base64
import binascii
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never

from cutline.kube.client import KubeClient
from cutline.kube.errors import NotFound
from cutline.kube.resources import SECRETS, JsonObject
from cutline_operator import certificates
from cutline_operator.certificates import CertificateState, KeyPair, Step
from cutline_operator.owner import Owner
from cutline_operator.webhook_configurations import MANAGED_BY

_log = logging.getLogger(__name__)

WEBHOOK_SECRET: Final = "cutline-webhook-tls"  # noqa: S105 - a name
AUTHORITY_SECRET: Final = "cutline-ca"  # noqa: S105 - a name

_CERTIFICATE, _KEY, _BUNDLE, _PATH = "tls.crt", "tls.key", "ca.crt", "path"
_PATH_BYTES: Final = 16
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Stored:
    """Both Secrets as they were read; None where there is none."""

    webhook: JsonObject | None
    authority: JsonObject | None

    @property
    def path(self) -> str:
        """The secret segment of the webhook's paths; empty where there is none to speak of."""
        path = _text(self.webhook, _PATH)
        return path if len(path) == 2 * _PATH_BYTES and set(path) <= _HEX else ""

    @property
    def bundle(self) -> str:
        """What the webhook's callers are to trust, as PEM."""
        return _text(self.webhook, _BUNDLE)

    @property
    def is_complete(self) -> bool:
        """Whether the webhook can serve with what is stored."""
        return self._serving is not None and bool(self.bundle)

    @property
    def authority_pair(self) -> KeyPair | None:
        """The authority with its key; None where there is none that can be read."""
        return _pair(self.authority)

    @property
    def _serving(self) -> KeyPair | None:
        return _pair(self.webhook) if self.path else None

    def state(self, *, configurations_exist: bool, configured_since: datetime | None) -> CertificateState:
        """What the Secrets say about the certificates."""
        return CertificateState(
            authority=self.authority_pair,
            bundle=certificates.read_bundle(self.bundle),
            serving=self._serving,
            configurations_exist=configurations_exist,
            configured_since=configured_since,
        )


def after(stored: Stored, state: CertificateState, step: Step, names: frozenset[str], now: datetime) -> Stored:
    """Both Secrets as they are to be once `step` has been taken; keys and the path are random."""
    match step:
        case Step.NOTHING | Step.AWAIT_CONFIGURATION:
            return stored
        case Step.MAKE_AUTHORITY:
            made = certificates.make_authority(now)
            data = {_CERTIFICATE: made.certificate_pem, _KEY: made.key_pem}
            return Stored(stored.webhook, _with_data(stored.authority, data))
        case Step.ANNOUNCE_AUTHORITY | Step.RETIRE_AUTHORITY:
            others = () if step is Step.RETIRE_AUTHORITY else state.bundle
            data = {_BUNDLE: _bundle(state, others, now)}
            return Stored(_with_data(stored.webhook, data), stored.authority)
        case Step.ISSUE:
            issued = certificates.issue(_authority(state), names, now)
            data = {
                _CERTIFICATE: issued.certificate_pem,
                _KEY: issued.key_pem,
                _BUNDLE: _bundle(state, state.bundle, now),
                _PATH: stored.path or secrets.token_hex(_PATH_BYTES),
            }
            return Stored(_with_data(stored.webhook, data), stored.authority)
    assert_never(step)


def _authority(state: CertificateState) -> KeyPair:
    if state.authority is None:
        raise ValueError("there is no authority to sign with")
    return state.authority


def _bundle(state: CertificateState, others: tuple[Any, ...], now: datetime) -> str:
    bundle = certificates.trusted(others, _authority(state).certificate, now)
    return "".join(certificates.pem_of(certificate) for certificate in bundle)


class CertificateStore:
    """Reads and writes the two Secrets of one installation."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def read(self) -> Stored:
        """Both Secrets as they are now."""
        return Stored(await self._read(WEBHOOK_SECRET), await self._read(AUTHORITY_SECRET))

    async def write(self, before: Stored, after: Stored, owner: Owner) -> Stored:
        """Store what differs. Raises `Conflict` or `AlreadyExists` if somebody was faster."""
        authority = await self._write(AUTHORITY_SECRET, before.authority, after.authority, owner)
        webhook = await self._write(WEBHOOK_SECRET, before.webhook, after.webhook, owner)
        return Stored(webhook, authority)

    async def _read(self, name: str) -> JsonObject | None:
        try:
            return await self._client.get(SECRETS, name, self._namespace)
        except NotFound:
            return None

    async def _write(
        self, name: str, before: JsonObject | None, after: JsonObject | None, owner: Owner
    ) -> JsonObject | None:
        if after is None or after is before:
            return before
        metadata: dict[str, Any] = {"name": name, "namespace": self._namespace, "labels": dict(MANAGED_BY)}
        metadata["ownerReferences"] = [owner.reference]
        if before is not None:
            # The stored resourceVersion comes along: a write of somebody else is never undone.
            return await self._client.replace(SECRETS, name, after, self._namespace)
        _log.info("creating secret %s", name)
        return await self._client.create(SECRETS, {**after, "metadata": metadata}, self._namespace)


def _with_data(secret: JsonObject | None, data: Mapping[str, str]) -> JsonObject:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    if secret is None:
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": encoded}
    return {**secret, "data": {**(secret.get("data") or {}), **encoded}}


def _pair(secret: JsonObject | None) -> KeyPair | None:
    return certificates.read_pair(_text(secret, _CERTIFICATE), _text(secret, _KEY))


def _text(secret: JsonObject | None, key: str) -> str:
    """One value of a Secret; empty where it is missing or no text."""
    value = ((secret or {}).get("data") or {}).get(key, "")
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
