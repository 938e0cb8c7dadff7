"""What an installation has been through, noted in the ConfigMap `cutline-operator-state`.

It stands under the uid of the release's owning object: after an uninstall and a new install, everything is new.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from cutline.domain.tree import JsonObject as Tree
from cutline.kube.client import KubeClient
from cutline.kube.errors import NotFound
from cutline.kube.resources import CONFIGMAPS, JsonObject
from cutline_operator.certificate_keeper import CertificateStatus, State
from cutline_operator.owner import Owner
from cutline_operator.webhook_configurations import MANAGED_BY

STATE_CONFIG_MAP: Final = "cutline-operator-state"

_INSTALLATION, _CONFIGURED, _STARTER_POLICY = "installation", "configured", "starterPolicy"
_CERTIFICATES, _CERTIFICATES_TEXT = "certificates", "certificatesMessage"
_DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an installation has come. `certificates` is None before anybody has looked."""

    was_configured: bool = False
    has_starter_policy: bool = False
    certificates: CertificateStatus | None = None

    def as_data(self, owner: Owner) -> dict[str, str]:
        """The ConfigMap's data."""
        done = {_CONFIGURED: self.was_configured, _STARTER_POLICY: self.has_starter_policy}
        data = {_INSTALLATION: owner.uid, **{key: _DONE for key, is_done in done.items() if is_done}}
        if self.certificates is not None:
            data |= {_CERTIFICATES: self.certificates.state.value, _CERTIFICATES_TEXT: self.certificates.text}
        return data


def progress_of(config_map: Tree | None, owner: Owner) -> Progress:
    """What the ConfigMap says about the installation that `owner` stands for."""
    data = (config_map or {}).get("data") or {}
    if data.get(_INSTALLATION) != owner.uid:
        return Progress()
    return Progress(_CONFIGURED in data, _STARTER_POLICY in data, _certificates(data))


def _certificates(data: Tree) -> CertificateStatus | None:
    try:
        return CertificateStatus(State(str(data.get(_CERTIFICATES))), str(data.get(_CERTIFICATES_TEXT, "")))
    except ValueError:
        return None


class InstallationNotes:
    """The ConfigMap during one pass; written only where something differs."""

    def __init__(self, client: KubeClient, namespace: str, owner: Owner, config_map: JsonObject | None) -> None:
        self._client = client
        self._namespace = namespace
        self._owner = owner
        self._config_map = config_map
        self.progress = progress_of(config_map, owner)

    @classmethod
    async def read(cls, client: KubeClient, namespace: str, owner: Owner) -> "InstallationNotes":
        """As they are stored. Raises `KubeError`."""
        try:
            return cls(client, namespace, owner, await client.get(CONFIGMAPS, STATE_CONFIG_MAP, namespace))
        except NotFound:
            return cls(client, namespace, owner, None)

    async def note_certificates(self, status: CertificateStatus) -> None:
        """Note how it stands with the certificates. Raises `KubeError`."""
        await self.save(replace(self.progress, certificates=status))

    async def save(self, progress: Progress) -> None:
        """Note all of it. Raises `KubeError`."""
        if progress == self.progress:
            return
        data = progress.as_data(self._owner)
        if self._config_map is not None:
            tree = {**self._config_map, "data": data}
            self._config_map = await self._client.replace(CONFIGMAPS, STATE_CONFIG_MAP, tree, self._namespace)
        else:
            self._config_map = await self._client.create(CONFIGMAPS, self._new(data), self._namespace)
        self.progress = progress

    def _new(self, data: dict[str, str]) -> JsonObject:
        metadata: dict[str, Any] = {"name": STATE_CONFIG_MAP, "namespace": self._namespace, "labels": dict(MANAGED_BY)}
        metadata["ownerReferences"] = [self._owner.reference]
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
