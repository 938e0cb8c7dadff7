"""What the operator knows of our own kinds, in memory, as the watches last told it.

It is a copy that may lag behind: nothing is decided with it, and a status that was worked out from
an old copy is worked out again when the news arrive.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from cutline.api.admitted_changes import claim_of
from cutline.api.policies import policies_of
from cutline.api.proposals import proposal_of
from cutline.api.signoffs import signoff_of
from cutline.domain.claim import Claim
from cutline.domain.errors import BadObject
from cutline.domain.lifecycle import ClaimState, Use
from cutline.domain.policy import Policies
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Signoff
from cutline.domain.snapshot import Candidate
from cutline.domain.tree import JsonObject
from cutline.kube.resources import ADMITTED_CHANGES, POLICIES, PROPOSALS, SIGNOFFS, ResourceRef

_log = logging.getLogger(__name__)


class Kind(Enum):
    """The kinds that are watched; the value says where they live."""

    PROPOSAL = PROPOSALS
    SIGNOFF = SIGNOFFS
    ADMITTED_CHANGE = ADMITTED_CHANGES
    POLICY = POLICIES

    @property
    def ref(self) -> ResourceRef:
        return self.value


class Topic(Enum):
    """What a piece of work is about."""

    PROPOSAL = "proposal"  # named by the proposal's uid
    ADMITTED_CHANGE = "admitted change"  # by its name
    ORPHANS = "orphans"  # sign-offs without a proposal: by the uid it had
    POLICIES = "policies"  # all of them together


@dataclass(frozen=True, slots=True)
class Key:
    """One piece of work."""

    topic: Topic
    name: str = ""


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """A proposal with the status that it has."""

    proposal: Proposal
    status: JsonObject
    generation: int


@dataclass(frozen=True, slots=True)
class AdmittedRecord:
    """An admitted change with what is known about its outcome."""

    claim: Claim
    uid: str
    status: JsonObject

    @property
    def state(self) -> ClaimState:
        """What its status says; what it does not say has not been seen."""
        try:
            return ClaimState(self.status.get("state", ClaimState.CLAIMED.value))
        except ValueError:
            return ClaimState.CLAIMED

    @property
    def as_use(self) -> Use:
        return Use(self.claim.name, self.claim.signed_digest, self.state)


class Index:
    """All objects, with what belongs together found by the proposal's uid."""

    def __init__(self) -> None:
        self.proposals: dict[str, ProposalRecord] = {}
        self.admitted: dict[str, AdmittedRecord] = {}
        self.policies: dict[str, JsonObject] = {}
        self._signoffs: dict[str, dict[str, Signoff]] = {}
        self._claims: dict[str, set[str]] = {}
        # Which proposal a sign-off is about, by its own uid: what tells of its end may tell nothing else.
        self._about: dict[str, str] = {}

    def put(self, kind: Kind, tree: JsonObject) -> Iterable[Key]:
        """Take an object as it is now; answers what has to be looked at again."""
        try:
            match kind:
                case Kind.PROPOSAL:
                    return self._put_proposal(tree)
                case Kind.SIGNOFF:
                    return self._put_signoff(tree)
                case Kind.ADMITTED_CHANGE:
                    return self._put_admitted(tree)
                case Kind.POLICY:
                    self.policies[str(tree["metadata"]["name"])] = tree
                    return (Key(Topic.POLICIES), *self._all_proposals())
        except BadObject as error:
            # The gate stamps what it lets through: this was written around it, and admits nothing.
            _log.warning("%s %s cannot be read: %s", kind.ref.plural, tree["metadata"].get("name"), error)
            return ()

    def remove(self, kind: Kind, tree: JsonObject) -> Iterable[Key]:
        """Forget an object; answers what has to be looked at again."""
        metadata = tree["metadata"]
        uid, name = str(metadata.get("uid", "")), str(metadata.get("name", ""))
        match kind:
            case Kind.PROPOSAL:
                self.proposals.pop(uid, None)
                return (Key(Topic.PROPOSAL, uid), Key(Topic.ORPHANS, uid))
            case Kind.SIGNOFF:
                return self._remove_signoff(uid)
            case Kind.ADMITTED_CHANGE:
                return self._remove_admitted(name)
            case Kind.POLICY:
                self.policies.pop(name, None)
                return (Key(Topic.POLICIES), *self._all_proposals())

    def names_of(self, kind: Kind) -> Mapping[str, str]:
        """The names of the known objects of a kind, by uid."""
        match kind:
            case Kind.PROPOSAL:
                return {uid: record.proposal.name for uid, record in self.proposals.items()}
            case Kind.SIGNOFF:
                return {uid: one.name for signoffs in self._signoffs.values() for uid, one in signoffs.items()}
            case Kind.ADMITTED_CHANGE:
                return {record.uid: name for name, record in self.admitted.items()}
            case Kind.POLICY:
                return {str(tree["metadata"]["uid"]): name for name, tree in self.policies.items()}

    def complete(self, kind: Kind, trees: Iterable[JsonObject], before: Mapping[str, str]) -> Iterable[Key]:
        """Take what is missing from a list, and drop what the list shows to be gone.

        `before` is what was known (`names_of`) when the list was asked for: a watch may have told
        newer things meanwhile, and those stay as they are.
        """
        items = {str(tree["metadata"]["uid"]): tree for tree in trees}
        known = self.names_of(kind)
        keys = [key for uid, tree in items.items() if uid not in known for key in self.put(kind, tree)]
        for uid, name in before.items():
            if uid not in items:
                keys += self.remove(kind, {"metadata": {"name": name, "uid": uid}})
        return keys

    def candidate(self, uid: str) -> Candidate | None:
        """A proposal with all that was said about it and done with it."""
        record = self.proposals.get(uid)
        if record is None:
            return None
        claims = tuple(used.claim for used in self.uses_of(uid))
        return Candidate(record.proposal, self.signoffs_about(uid), claims)

    def signoffs_about(self, uid: str) -> tuple[Signoff, ...]:
        """The sign-offs about the proposal with this uid, by name; it may be gone."""
        return tuple(sorted(self._signoffs.get(uid, {}).values(), key=lambda signoff: signoff.name))

    def uses_of(self, uid: str) -> tuple[AdmittedRecord, ...]:
        """The admitted changes of a proposal, by name."""
        return tuple(self.admitted[name] for name in sorted(self._claims.get(uid, ())))

    def policies_now(self) -> Policies:
        """All policies, as the domain reads them."""
        return policies_of(tuple(self.policies.values()), is_fresh=True)

    def _put_proposal(self, tree: JsonObject) -> Iterable[Key]:
        proposal = proposal_of(tree)
        generation = int(tree["metadata"].get("generation") or 0)
        self.proposals[proposal.uid] = ProposalRecord(proposal, tree.get("status") or {}, generation)
        return (Key(Topic.PROPOSAL, proposal.uid),)

    def _put_signoff(self, tree: JsonObject) -> Iterable[Key]:
        signoff = signoff_of(tree)
        about = signoff.proposal_uid
        self._remove_signoff(signoff.uid)
        self._signoffs.setdefault(about, {})[signoff.uid] = signoff
        self._about[signoff.uid] = about
        topic = Topic.PROPOSAL if about in self.proposals else Topic.ORPHANS
        return (Key(topic, about),)

    def _put_admitted(self, tree: JsonObject) -> Iterable[Key]:
        claim = claim_of(tree)
        self._remove_admitted(claim.name)
        self.admitted[claim.name] = AdmittedRecord(claim, str(tree["metadata"]["uid"]), tree.get("status") or {})
        self._claims.setdefault(claim.proposal_uid, set()).add(claim.name)
        return (Key(Topic.ADMITTED_CHANGE, claim.name), Key(Topic.PROPOSAL, claim.proposal_uid))

    def _remove_signoff(self, uid: str) -> Iterable[Key]:
        about = self._about.pop(uid, None)
        if about is None:
            return ()
        signoffs = self._signoffs[about]
        del signoffs[uid]
        if not signoffs:
            del self._signoffs[about]
        return (Key(Topic.PROPOSAL, about),)

    def _remove_admitted(self, name: str) -> Iterable[Key]:
        record = self.admitted.pop(name, None)
        if record is None:
            return ()
        about = record.claim.proposal_uid
        claims = self._claims[about]
        claims.discard(name)
        if not claims:
            del self._claims[about]
        return (Key(Topic.PROPOSAL, about),)

    def _all_proposals(self) -> Iterator[Key]:
        return (Key(Topic.PROPOSAL, uid) for uid in self.proposals)
