"""The installation as a whole: certificates, then configurations, then the starter policy, for ever.

What an installation has been through is noted in the ConfigMap `cutline-operator-state`, under the
uid of the release's owning object: after an uninstall and a new install, everything is new.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any, Final

from cutline.api.settings import InstallationSettings
from cutline.domain.tree import JsonObject as Tree
from cutline.kube.client import KubeClient
from cutline.kube.errors import AlreadyExists, KubeError, NotFound
from cutline.kube.resources import CONFIGMAPS, POLICIES, JsonObject, ResourceRef
from cutline_operator.certificate_keeper import CertificateKeeper
from cutline_operator.configure import Configurator, wanted_configurations
from cutline_operator.logs import OnChange
from cutline_operator.metrics import Metrics
from cutline_operator.owner import Owner
from cutline_operator.starter_policy import starter_policy
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import MANAGED_BY, Connection

_log = logging.getLogger(__name__)

STATE_CONFIG_MAP: Final = "cutline-operator-state"
PASS_SECONDS: Final = 5.0
"""Seconds between two passes: how long an edit of a configuration may stand."""
_UNCONFIGURED_PASS_SECONDS: Final = 1.0

_INSTALLATION, _CONFIGURED, _STARTER_POLICY = "installation", "configured", "starterPolicy"
_DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an installation has come."""

    was_configured: bool = False
    has_starter_policy: bool = False

    def as_data(self, owner: Owner) -> dict[str, str]:
        """The ConfigMap's data."""
        done = {_CONFIGURED: self.was_configured, _STARTER_POLICY: self.has_starter_policy}
        return {_INSTALLATION: owner.uid, **{key: _DONE for key, is_done in done.items() if is_done}}


def progress_of(config_map: Tree | None, owner: Owner) -> Progress:
    """What the ConfigMap says about the installation that `owner` stands for."""
    data = (config_map or {}).get("data") or {}
    if data.get(_INSTALLATION) != owner.uid:
        return Progress()
    return Progress(_CONFIGURED in data, _STARTER_POLICY in data)


class Installation:
    """Runs passes; `age` tells when the last one went through."""

    def __init__(
        self,
        client: KubeClient,
        settings: InstallationSettings,
        address: WebhookAddress,
        keeper: CertificateKeeper,
        configurator: Configurator,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._settings = settings
        self._address = address
        self._keeper = keeper
        self._configurator = configurator
        self._metrics = metrics
        self._trouble = OnChange(_log)
        self._passed_at = float("-inf")

    @property
    def age(self) -> float:
        """Seconds since a pass last went through; infinite before the first."""
        return time.monotonic() - self._passed_at

    async def run(self) -> None:
        """Pass after pass until cancelled. No failure ends it."""
        while True:
            is_configured = False
            try:
                is_configured = await self.run_once()
                if is_configured:
                    self._trouble.clear()
                self._passed_at = time.monotonic()
            except KubeError as error:
                self._trouble.warn(f"the installation cannot be looked after: {error}")
            except Exception:
                _log.exception("a pass over the installation failed")
            self._metrics.configured.set(1 if is_configured else 0)
            await asyncio.sleep(PASS_SECONDS if is_configured else _UNCONFIGURED_PASS_SECONDS)

    async def run_once(self) -> bool:
        """One pass; answers whether the gate is configured afterwards. Raises `KubeError`."""
        slots = await self._configurator.read()
        owner = await self._owner()
        if owner is None:
            wanted_owner = self._settings.owner
            self._trouble.warn(f"{wanted_owner.kind} {wanted_owner.name} is gone or going: nothing is configured")
            return False
        stored = await self._keeper.keep([slot.stored for slot in slots], owner)
        if not stored.is_complete:
            return False
        config_map = await self._state()
        progress = progress_of(config_map, owner)
        connection = Connection(self._address, stored.path, stored.bundle)
        wanted = wanted_configurations(self._settings, connection, owner)
        if not await self._configurator.configure(slots, wanted, connection, was_complete=progress.was_configured):
            return False
        if not progress.has_starter_policy:
            await self._make_starter_policy()
        done = Progress(was_configured=True, has_starter_policy=True)
        if progress != done:
            await self._save(config_map, done.as_data(owner), owner)
        return True

    async def _owner(self) -> Owner | None:
        """The owning object with its uid; None where it is gone or about to be."""
        wanted = self._settings.owner
        try:
            tree = await self._client.get(_ref_of_kind(wanted.api_version, wanted.kind), wanted.name)
        except NotFound:
            return None
        if tree["metadata"].get("deletionTimestamp"):
            return None
        return Owner(wanted.api_version, wanted.kind, wanted.name, str(tree["metadata"]["uid"]))

    async def _state(self) -> JsonObject | None:
        try:
            return await self._client.get(CONFIGMAPS, STATE_CONFIG_MAP, self._settings.namespace)
        except NotFound:
            return None

    async def _save(self, before: JsonObject | None, data: dict[str, str], owner: Owner) -> None:
        namespace = self._settings.namespace
        if before is not None:
            await self._client.replace(CONFIGMAPS, STATE_CONFIG_MAP, {**before, "data": data}, namespace)
            return
        metadata: dict[str, Any] = {"name": STATE_CONFIG_MAP, "namespace": namespace, "labels": dict(MANAGED_BY)}
        metadata["ownerReferences"] = [owner.reference]
        tree = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        await self._client.create(CONFIGMAPS, tree, namespace)

    async def _make_starter_policy(self) -> None:
        """Make it, unless one of that name is there: then somebody was faster, and it is theirs."""
        tree = starter_policy(self._settings.starter_policy)
        if tree is None:
            return
        try:
            await self._client.create(POLICIES, tree)
        except AlreadyExists:
            return
        _log.info("starter policy %s created", tree["metadata"]["name"])


def _ref_of_kind(api_version: str, kind: str) -> ResourceRef:
    """Where cluster-scoped objects of a built-in kind live; their plurals are regular."""
    group, _, version = api_version.rpartition("/")
    return ResourceRef(group, version, f"{kind.lower()}s", namespaced=False)
