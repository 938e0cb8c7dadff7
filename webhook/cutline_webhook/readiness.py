"""Whether the webhook can decide: what is missing, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cutline.kube.client import KubeClient
from cutline_webhook.identity import ServingIdentity
from cutline_webhook.policies import FRESH_SECONDS, PolicyStore

MAX_SKEW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Ready means: it would decide, not only answer."""

    client: KubeClient
    identity: ServingIdentity
    policies: PolicyStore
    is_stopping: Callable[[], bool]

    def unable_to_decide(self) -> Sequence[str]:
        """What keeps it from deciding at all."""
        missing = []
        if not self.identity.is_complete:
            missing.append("no certificate yet")
        if not self.policies.is_synced:
            missing.append("the policies were not read yet")
        elif self.policies.age() > FRESH_SECONDS:
            missing.append("the policies are too old")
        skew = self.client.clock_skew
        if skew is not None and abs(skew) > MAX_SKEW_SECONDS:
            missing.append(f"the clock is {skew:.1f}s off the API server's")
        return missing

    def unready(self) -> Sequence[str]:
        """What keeps new requests away: also that it is on its way out."""
        missing = list(self.unable_to_decide())
        if self.identity.age() > FRESH_SECONDS:
            # It could decide. But callers may soon trust only what replaced its certificate.
            missing.append("the certificate's Secret was not read for a minute")
        if self.is_stopping():
            missing.append("stopping")
        return missing
