"""What the sweep does about each key: reads the index and the cluster, writes what has changed."""

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from cutline.api.settings import InstallationSettings, Retention
from cutline.domain.duration import MAX_DECIDE_WITHIN, MAX_VALID_FOR
from cutline.domain.evaluate import requirements_of
from cutline.domain.lifecycle import ClaimState, Standing, is_reviewed, standing_of
from cutline.domain.snapshot import Candidate, Settings
from cutline.kube.client import KubeClient, PatchKind
from cutline.kube.errors import Conflict, NotFound
from cutline.kube.resources import (
    ADMITTED_CHANGES,
    NODES,
    POLICIES,
    PROPOSALS,
    SIGNOFFS,
    JsonObject,
    ResourceRef,
)
from cutline.kube.world import WorldReader
from cutline.process.clock import Clock
from cutline_operator import reconcile
from cutline_operator.announcements import announcements
from cutline_operator.events import EventRecorder
from cutline_operator.index import AdmittedRecord, Index, Key, ProposalRecord, Topic
from cutline_operator.live_facts import LiveFacts, live_of_target, look
from cutline_operator.metrics import Metrics
from cutline_operator.policy_status import Selectable, policy_status
from cutline_operator.settlement import is_final, next_look, outcome_of
from cutline_operator.statuses import patch_of, rfc3339, told

_log = logging.getLogger(__name__)

_POLICY_PERIOD: Final = timedelta(minutes=1)
# The webhook lets no admitted change go before its proposal could have admitted nothing more, wherever that is now.
# By its own clock, which may be a little behind ours.
_WEIGHS_FOR: Final = MAX_DECIDE_WITHIN + MAX_VALID_FOR + timedelta(seconds=5)


class Worker:
    """Works on one key at a time; `do` is what a sweep calls."""

    def __init__(
        self,
        client: KubeClient,
        settings: InstallationSettings,
        index: Index,
        recorder: EventRecorder,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._client = client
        self._reader = WorldReader(client, settings.namespace)
        self._settings = Settings(settings.namespace, settings.humans)
        self._retention: Retention = settings.retention
        self._index = index
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._facts: dict[str, LiveFacts] = {}
        self._open_emergencies: set[str] = set()
        self._live: set[str] = set()

    async def do(self, key: Key) -> datetime | None:
        """Bring what `key` names up to date; answers when it is due again. Raises `KubeError`."""
        match key.topic:
            case Topic.PROPOSAL:
                return await self._proposal(key.name)
            case Topic.ADMITTED_CHANGE:
                return await self._admitted_change(key.name)
            case Topic.ORPHANS:
                return await self._orphans(key.name)
            case Topic.POLICIES:
                return await self._policies()

    async def _proposal(self, uid: str) -> datetime | None:
        record, candidate = self._index.proposals.get(uid), self._index.candidate(uid)
        if record is None or candidate is None:
            self._count(uid, is_live=False, is_open_emergency=False)
            self._facts.pop(uid, None)
            return None
        now = self._clock()
        standing = self._standing(candidate, now)
        if reconcile.is_live(standing) and self._is_stale(uid, now):
            self._facts[uid] = await look(self._reader, record.proposal, self._index.policies_now(), now)
            standing = self._standing(candidate, now)
        elif not reconcile.is_live(standing):
            self._facts.pop(uid, None)
        reviewed = is_reviewed(candidate, self._settings)
        is_open = standing.is_emergency and not reviewed
        self._count(uid, is_live=reconcile.is_live(standing), is_open_emergency=is_open)
        await self._write_proposal(record, candidate, standing, now)
        for event in announcements(candidate, standing, record.status, is_reviewed=reviewed):
            await self._recorder.record(event)
        return await self._next_for_proposal(candidate, standing, now, is_open_emergency=is_open)

    def _standing(self, candidate: Candidate, now: datetime) -> Standing:
        uid = candidate.proposal.uid
        facts = self._facts.get(uid)
        requirement = requirements_of(candidate.proposal, () if facts is None else facts.lines)
        uses = (record.as_use for record in self._index.uses_of(uid))
        drift = None if facts is None else facts.drift
        return standing_of(candidate, requirement, uses, drift, self._settings, now)

    def _is_stale(self, uid: str, now: datetime) -> bool:
        facts = self._facts.get(uid)
        return facts is None or now >= facts.at + reconcile.DRIFT_CHECK

    async def _write_proposal(
        self, record: ProposalRecord, candidate: Candidate, standing: Standing, now: datetime
    ) -> None:
        status = reconcile.proposal_status(candidate, standing, record.status, record.generation, now)
        proposal = record.proposal
        await self._patch_status(PROPOSALS, proposal.name, proposal.namespace, proposal.uid, record.status, status)

    async def _next_for_proposal(
        self, candidate: Candidate, standing: Standing, now: datetime, *, is_open_emergency: bool
    ) -> datetime | None:
        due = reconcile.next_due(candidate, standing, now)
        # An emergency that nobody has reviewed stays in sight.
        if due is not None or is_open_emergency or standing.has_pending_uses:
            return due
        leaves_at = reconcile.over_at(candidate) + self._retention.finished_proposals
        if now < leaves_at:
            return leaves_at
        proposal = candidate.proposal
        await self._delete(PROPOSALS, proposal.name, proposal.namespace, proposal.uid)
        return None

    async def _orphans(self, uid: str) -> datetime | None:
        """Sign-offs go after their proposal, for as long as it is there they weigh for or against it."""
        signoffs = self._index.signoffs_about(uid)
        if not signoffs or uid in self._index.proposals:
            return None
        now = self._clock()
        leave_at = max(signoff.created for signoff in signoffs) + self._retention.finished_proposals
        if now < leave_at:
            return leave_at
        for signoff in signoffs:
            await self._delete(SIGNOFFS, signoff.name, signoff.namespace, signoff.uid)
        return None

    async def _admitted_change(self, name: str) -> datetime | None:
        record = self._index.admitted.get(name)
        if record is None:
            return None
        now = self._clock()
        if not is_final(record.claim, record.state, now):
            await self._settle(record, now)
            return next_look(record.claim, now)
        leaves_at = record.claim.created + max(self._retention.admitted_changes, _WEIGHS_FOR)
        if now < leaves_at:
            return leaves_at
        if record.claim.proposal_uid in self._index.proposals:
            return now + timedelta(hours=1)  # a claim never goes before what was claimed
        await self._delete(ADMITTED_CHANGES, name, self._settings.system_namespace, record.uid)
        return None

    async def _settle(self, record: AdmittedRecord, now: datetime) -> None:
        live = await live_of_target(self._reader, record.claim.change.target)
        outcome = outcome_of(record.claim, live, now)
        status: dict[str, Any] = {**record.status, "state": outcome.state.value, "reason": told(outcome.reason)}
        status.pop("settledAt", None)
        if outcome.state is not ClaimState.CLAIMED:
            same = record.state is outcome.state
            status["settledAt"] = record.status.get("settledAt") if same else None
            status["settledAt"] = status["settledAt"] or rfc3339(now)
        namespace = self._settings.system_namespace
        await self._patch_status(ADMITTED_CHANGES, record.claim.name, namespace, record.uid, record.status, status)

    async def _policies(self) -> datetime | None:
        now = self._clock()
        selectable = await self._selectable()
        for name, tree in tuple(self._index.policies.items()):
            status = policy_status(tree, selectable, now)
            uid = str(tree["metadata"]["uid"])
            await self._patch_status(POLICIES, name, None, uid, tree.get("status") or {}, status)
        return now + _POLICY_PERIOD

    async def _selectable(self) -> Selectable:
        namespaces = await self._reader.labels_in_scope()
        nodes = await self._client.list(NODES)
        return Selectable(namespaces, len(nodes))

    async def _patch_status(
        self,
        ref: ResourceRef,
        name: str,
        namespace: str | None,
        uid: str,
        before: JsonObject | Any,
        after: dict[str, Any],
    ) -> None:
        """Write what differs, to this very object. One that has gone meanwhile needs no status."""
        patch = patch_of(before, after)
        if patch is None:
            return
        try:
            await self._client.patch(
                ref,
                name,
                {**patch, "metadata": {"uid": uid}},
                namespace,
                kind=PatchKind.MERGE,
                subresource="status",
            )
            self._metrics.status_writes.labels(ref.plural).inc()
        except (NotFound, Conflict) as error:
            _log.info("status of %s %s not written: %s", ref.plural, name, error)

    async def _delete(self, ref: ResourceRef, name: str, namespace: str, uid: str) -> None:
        try:
            await self._client.delete(ref, name, namespace, uid=uid)
            _log.info("%s %s/%s deleted: its time was over", ref.plural, namespace, name)
        except (NotFound, Conflict):
            return

    def _count(self, uid: str, *, is_live: bool, is_open_emergency: bool) -> None:
        for known, belongs in ((self._live, is_live), (self._open_emergencies, is_open_emergency)):
            if belongs:
                known.add(uid)
            else:
                known.discard(uid)
        self._metrics.live_proposals.set(len(self._live))
        self._metrics.emergencies_open.set(len(self._open_emergencies))
