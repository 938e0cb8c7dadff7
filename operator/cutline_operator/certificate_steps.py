"""What to do next about the webhook's certificate. Pure: from what is stored, wanted, configured, and the time.

The order keeps every caller able to verify. An authority is trusted by the webhook configurations,
and the API servers have had time to learn so, before anything that it vouches for is served; it is
trusted on while anything that it vouches for may still be served. Each step is one write of one
object and leaves a state from which the next one follows: an operator that dies between two of them,
and its successor with no memory of them, only takes longer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cutline_operator.certificate_reading import Certificates, Serving


class Step(Enum):
    """The next thing to do about the certificate."""

    NOTHING = "Nothing"
    MAKE_AUTHORITY = "MakeAuthority"
    """There is no authority of ours that could sign for long enough."""
    ANNOUNCE = "Announce"
    """Trust an authority before anything that it vouches for is served."""
    AWAIT_CONFIGURATION = "AwaitConfiguration"
    """API servers may not trust the authority yet: nothing that it vouches for may be served."""
    SERVE = "Serve"
    AWAIT_REPLICAS = "AwaitReplicas"
    """A replica may still serve under a former authority."""
    RETIRE = "Retire"
    """Trust former authorities no longer."""

    @property
    def is_passive(self) -> bool:
        """Whether there is nothing to write."""
        return self in (Step.NOTHING, Step.AWAIT_CONFIGURATION, Step.AWAIT_REPLICAS)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long others may take.

    `announce`: API servers, to learn of a changed configuration. `trust_former`: replicas, to serve
    what was stored; each reads it every few seconds, and one that cannot stops being ready after a minute.
    """

    announce: timedelta
    trust_former: timedelta


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should be served, and whom callers must trust for it.

    `is_served` says that what is stored is that already; otherwise `make` gives it.
    """

    anchors: Certificates
    is_served: bool
    make: Callable[[], Serving]


@dataclass(frozen=True, slots=True)
class CertificateState:
    """What is stored for the webhook, and what the API servers have been told.

    `bundle` is what callers are to trust. `trusted_since` is the moment from which every configuration
    was seen to trust all that is wanted; None while they do not, or while nobody has looked.
    `configurations_exist` is False before the first installation.
    """

    bundle: Certificates
    serving: Serving | None
    served_since: datetime
    configurations_exist: bool
    trusted_since: datetime | None


def next_step(state: CertificateState, wanted: Wanted, patience: Patience, now: datetime) -> Step:
    """What to do next, so that what is wanted comes to be served without a caller losing trust."""
    # Nobody verifies anything and nothing is served: there is no trust to be carried over.
    if state.serving is None and not state.configurations_exist:
        return Step.SERVE

    # What should be served would not be trusted.
    if any(anchor not in state.bundle for anchor in wanted.anchors):
        return Step.ANNOUNCE

    # What is served is not what should be served. A missing Secret is no reason to hurry: replicas
    # serve on with what they have read, and callers verify that.
    if state.serving is None or not wanted.is_served:
        return Step.SERVE if _is_trusted(state, patience, now) else Step.AWAIT_CONFIGURATION

    # All is well, and nobody else is trusted.
    if all(certificate in wanted.anchors for certificate in state.bundle):
        return Step.NOTHING
    return Step.RETIRE if now >= state.served_since + patience.trust_former else Step.AWAIT_REPLICAS


def _is_trusted(state: CertificateState, patience: Patience, now: datetime) -> bool:
    """Whether every API server may be presumed to trust what is wanted by now."""
    if not state.configurations_exist:
        return True
    return state.trusted_since is not None and now >= state.trusted_since + patience.announce
