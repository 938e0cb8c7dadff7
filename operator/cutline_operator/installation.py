"""The installation as a whole: certificates, then configurations, then the starter policy, for ever.

What an installation has been through stands in `installation_notes`.
"""

import asyncio
import logging
import time
from dataclasses import replace
from typing import Final

from cutline.api.settings import InstallationSettings
from cutline.kube.client import KubeClient
from cutline.kube.errors import AlreadyExists, KubeError, NotFound
from cutline.kube.resources import POLICIES, ResourceRef
from cutline_operator.certificate_keeper import CertificateKeeper, CertificateStatus, State
from cutline_operator.configure import Configurator, wanted_configurations
from cutline_operator.installation_notes import InstallationNotes
from cutline_operator.logs import OnChange
from cutline_operator.metrics import Metrics
from cutline_operator.owner import Owner
from cutline_operator.starter_policy import starter_policy
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import Connection

_log = logging.getLogger(__name__)

PASS_SECONDS: Final = 5.0
"""Seconds between two passes: how long an edit of a configuration may stand."""
_BUSY_PASS_SECONDS: Final = 1.0  # until all is settled

_UNANSWERED: Final = CertificateStatus(State.ROTATING, "waiting until the webhook answers under its certificate")
_TRUSTED_ON: Final = CertificateStatus(
    State.ROTATING, "waiting until every replica was verified without a former authority"
)


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
        self._is_settled = False

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
            await asyncio.sleep(PASS_SECONDS if is_configured and self._is_settled else _BUSY_PASS_SECONDS)

    async def run_once(self) -> bool:
        """One pass; answers whether the gate is configured afterwards. Raises `KubeError`."""
        slots = await self._configurator.read()
        owner = await self._owner()
        if owner is None:
            wanted_owner = self._settings.owner
            self._trouble.warn(f"{wanted_owner.kind} {wanted_owner.name} is gone or going: nothing is configured")
            return False
        notes = await InstallationNotes.read(self._client, self._settings.namespace, owner)
        kept = await self._keeper.keep([slot.stored for slot in slots], owner, notes.note_certificates)
        if not kept.path or not kept.bundle:
            await self._settle(notes, kept.status)
            return False
        wanted = Connection(self._address, kept.path, kept.bundle)
        connection = await self._configurator.without_losing_trust(slots, wanted)
        trees = wanted_configurations(self._settings, connection, owner)
        progress = notes.progress
        if not await self._configurator.configure(slots, trees, connection, was_complete=progress.was_configured):
            is_settled = kept.status.state is State.SETTLED
            await self._settle(notes, _UNANSWERED if is_settled else kept.status)
            return False
        has_starter_policy = progress.has_starter_policy or await self._make_starter_policy()
        await notes.save(replace(notes.progress, was_configured=True, has_starter_policy=has_starter_policy))
        await self._settle(notes, kept.status if connection == wanted else _TRUSTED_ON)
        return True

    async def _settle(self, notes: InstallationNotes, status: CertificateStatus) -> None:
        """Note how it stands with the certificates at the end of a pass."""
        await notes.note_certificates(status)
        self._is_settled = status.state is not State.ROTATING
        self._metrics.certificates_settled.set(status.state is State.SETTLED)

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

    async def _make_starter_policy(self) -> bool:
        """Make it, unless one of that name is there: then somebody was faster, and it is theirs.

        False where none is wanted: an upgrade may want one later.
        """
        tree = starter_policy(self._settings.starter_policy)
        if tree is None:
            return False
        try:
            await self._client.create(POLICIES, tree)
        except AlreadyExists:
            return True
        _log.info("starter policy %s created", tree["metadata"]["name"])
        return True


def _ref_of_kind(api_version: str, kind: str) -> ResourceRef:
    """Where cluster-scoped objects of a built-in kind live; their plurals are regular."""
    group, _, version = api_version.rpartition("/")
    return ResourceRef(group, version, f"{kind.lower()}s", namespaced=False)
