"""Every verdict: from a request over a snapshot to a decision, and the claim on its single use.

The gate looks at the world only to make a snapshot, and writes only the claim. Whatever
goes wrong on the way is an undecided verdict; there is no path on which an error admits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cutline.api.admitted_changes import admitted_change
from cutline.api.settings import InstallationSettings
from cutline.domain.actions.rollback import REVISIONED, changes_template
from cutline.domain.change import METADATA_SUBRESOURCES, Change, Verb, change_of
from cutline.domain.decide import decide
from cutline.domain.effects import effects_of
from cutline.domain.errors import CutlineError, Unrecognised
from cutline.domain.exempt import is_exempt
from cutline.domain.kind import POD, Kind, kind_of_resource
from cutline.domain.live import Live, World, live_of
from cutline.domain.policy import Policies, may_leave_lines
from cutline.domain.request import Operation, Request
from cutline.domain.snapshot import Settings, Snapshot
from cutline.domain.verdict import Conclusion, Reason, Verdict, not_gated, undecided
from cutline.kube.client import KubeClient
from cutline.kube.errors import AlreadyExists, KubeError, NotFound
from cutline.kube.resources import ADMITTED_CHANGES
from cutline.kube.world import WorldReader
from cutline.process.clock import Clock

# A claim that somebody else makes at the same moment is met by looking again; more than
# a few of them in one request means that something is wrong.
_MOST_ATTEMPTS = 4

# These reviews carry a Scale or an Eviction, and of the target only its name.
_NAMED_ONLY = ("scale", "eviction")

PolicySource = Callable[[], Policies]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the world it was made in, for what comes after the answer."""

    verdict: Verdict
    now: datetime
    world: World | None = None


class Gate:
    """Judges requests one by one; keeps nothing between them."""

    def __init__(
        self, client: KubeClient, settings: InstallationSettings, policies: PolicySource, clock: Clock
    ) -> None:
        """`clock` gives the present moment with its time zone."""
        self._client = client
        self._settings = settings
        self._policies = policies
        self._clock = clock
        self._reader = WorldReader(client, settings.namespace)
        self._decision_settings = Settings(settings.namespace, settings.humans)

    async def judge(self, request: Request, *, caller_is_verified: bool) -> Judgement:
        """The verdict on `request`, claimed where it admits a signed change.

        Raises `NotFound` where an eviction names a pod that is not there, for the API
        server would say the same. Every other failure is an undecided verdict.
        """
        kind = _kind_of(request)
        if kind is None:
            return self.without_decision(undecided(Reason.UNRECOGNISED, f"the gate does not know {request.resource}"))
        try:
            return await self._judge_kind(kind, request, caller_is_verified)
        except NotFound:
            if request.subresource == "eviction":
                raise
            return self.without_decision(undecided(Reason.INTERNAL_ERROR, "the target cannot be found"))
        except Unrecognised as error:
            return self.without_decision(undecided(Reason.UNRECOGNISED, str(error)))
        except (CutlineError, KubeError) as error:
            return self.without_decision(undecided(Reason.INTERNAL_ERROR, str(error)))

    def without_decision(self, verdict: Verdict) -> Judgement:
        """`verdict` as a judgement for which no world was read."""
        return Judgement(verdict, self._clock())

    async def _judge_kind(self, kind: Kind, request: Request, caller_is_verified: bool) -> Judgement:
        live = await self._live(kind, request)
        # Kubernetes' own controllers carry out what was judged when somebody ordered it.
        if is_exempt(request, live, self._settings.exempt):
            return self.without_decision(not_gated(Reason.EXEMPT_IDENTITY))
        change = change_of(request, live)
        # Most of what arrives changes nothing that anybody signs; it costs no read at all.
        if not _needs_world(change, live):
            return self.without_decision(not_gated(Reason.NO_EFFECT, change))
        return await self._judge_change(request, change, live, caller_is_verified)

    async def _judge_change(self, request: Request, change: Change, live: Live, caller_is_verified: bool) -> Judgement:
        world = await self._reader.world(live)
        # Without proposals first: what crosses no line needs none read.
        judgement = self._decide(request, change, Snapshot(self._clock(), *self._rules(), world))
        if judgement.verdict.conclusion is not Conclusion.UNSIGNED or not judgement.verdict.is_denied:
            return judgement
        for _ in range(_MOST_ATTEMPTS):
            candidates = await self._reader.candidates(change.target, request.user, self._clock())
            snapshot = Snapshot(self._clock(), *self._rules(), world, candidates)
            judgement = self._decide(request, change, snapshot)
            if _is_final(judgement.verdict, request):
                return judgement
            # The claim first, then everything again: a rejection that was stored before the
            # claim is seen now, and so is whoever claimed in the same moment.
            await self._claim(judgement.verdict, request, world, caller_is_verified)
        return Judgement(undecided(Reason.INTERNAL_ERROR, "the claim did not settle", change), self._clock(), world)

    def _rules(self) -> tuple[Settings, Policies]:
        return self._decision_settings, self._policies()

    def _decide(self, request: Request, change: Change, snapshot: Snapshot) -> Judgement:
        return Judgement(decide(change, request.user, snapshot), snapshot.now, snapshot.world)

    async def _claim(self, verdict: Verdict, request: Request, world: World, caller_is_verified: bool) -> None:
        record = admitted_change(
            verdict,
            request,
            world,
            namespace=self._settings.namespace,
            caller_is_verified=caller_is_verified,
        )
        try:
            await self._client.create(ADMITTED_CHANGES, dict(record), self._settings.namespace)
        except AlreadyExists:
            return

    async def _live(self, kind: Kind, request: Request) -> Live:
        """The target before the change: the review carries it, but for subresources."""
        if request.subresource in _NAMED_ONLY:
            return await self._reader.live(kind, request.namespace, request.name)
        if request.old_object is None:
            raise Unrecognised(f"{request.operation} of {request.resource} came without the old object")
        return live_of(kind, request.old_object)


def _kind_of(request: Request) -> Kind | None:
    try:
        kind = kind_of_resource(request.group, request.resource)
    except Unrecognised:
        return None
    if request.subresource == "":
        return kind if request.operation in (Operation.UPDATE, Operation.DELETE) else None
    if request.subresource in METADATA_SUBRESOURCES:
        return kind if request.operation is Operation.UPDATE else None
    if request.subresource == "scale":
        return kind if kind.scales else None
    return kind if request.subresource == "eviction" and kind is POD else None


def _needs_world(change: Change, live: Live) -> bool:
    """Whether anything beyond the object itself could matter to the verdict."""
    if change.verb is Verb.UPDATE and not change.fields:
        return False
    if may_leave_lines(change, World(live)):
        return True
    if live.kind in REVISIONED and changes_template(change):
        return True
    return bool(effects_of(change, World(live, revisions=()), Policies()))


def _is_final(verdict: Verdict, request: Request) -> bool:
    """Whether the answer may be given now: nothing to claim, or claimed already.

    A dry run claims nothing and gets the verdict that the real run would get.
    """
    if not verdict.needs_claim or request.dry_run:
        return True
    return verdict.covering is not None and verdict.covering.is_claimed
