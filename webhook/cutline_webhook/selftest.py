"""Does the gate answer? `python -m cutline_webhook.selftest`, which `helm test` runs in a pod of its own.

It asks the API server and nobody else, so whatever it sees went the way of every user's request:
API server, Service, webhook. Everything that it sends is a dry run; nothing is left behind. It
refuses to judge policies: of the starter policy it only wants to see that the gate guards it.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cutline.api.proposals import API_VERSION, KIND
from cutline.domain.verdict import Conclusion
from cutline.kube.client import KubeClient, PatchKind
from cutline.kube.errors import BadKubeconfig, Forbidden, KubeError, NotFound
from cutline.kube.resources import MUTATING_CONFIGS, POLICIES, PROPOSALS, VALIDATING_CONFIGS, JsonObject

NAME: Final = "cutline-selftest"
_CONFIGURATIONS: Final = (
    (VALIDATING_CONFIGS, "cutline-kinds"),
    (MUTATING_CONFIGS, "cutline-kinds"),
    (VALIDATING_CONFIGS, "cutline-gate"),
)
# Our own answer to a proposal that nobody needs; it takes the policies to know that.
_NEEDS_NO_SIGNATURE: Final = "no policy draws a line here"
_STAMPED_BY: Final = 'admission webhook "stamp.kinds.cutline.dev" denied the request'
# A request to the gate may take the whole of a webhook's five seconds, twice.
_TIMEOUT_SECONDS: Final = 12.0
_PAUSE_SECONDS: Final = 1.0


class Failed(Exception):
    """The gate does not do what it is there for; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: the installation's namespace, and its starter policy (empty: it has none)."""

    namespace: str
    policy: str


async def check_all(client: KubeClient, subject: Subject) -> list[str]:
    """What was seen, a line for each; raises `Failed` for the first thing that is not as it must be."""
    seen = [await _configurations_stand(client), await _own_kinds_are_answered(client, subject)]
    if not subject.policy:
        return [*seen, "gate: the installation has no starter policy to ask about"]
    try:
        policy = await client.get(POLICIES, subject.policy)
    except NotFound:
        return [*seen, f"gate: the policy {subject.policy} is gone, so there is none to ask about"]
    return [*seen, await _gated_is_judged(client, policy), await _ungated_passes(client, policy)]


async def check_within(client: KubeClient, subject: Subject, seconds: float) -> list[str]:
    """Right after an installation the operator may not have come so far: try again until it is too late."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await check_all(client, subject)
        except KubeError as error:
            failed = Failed(f"the API server answered {error}")
        except Failed as error:
            failed = error
        if time.monotonic() >= deadline:
            raise failed
        await asyncio.sleep(_PAUSE_SECONDS)


async def _configurations_stand(client: KubeClient) -> str:
    for ref, name in _CONFIGURATIONS:
        try:
            await client.get(ref, name)
        except NotFound:
            raise Failed(
                f"{ref.plural}/{name} does not exist: the operator makes it once the webhook answers, "
                "and its log says what keeps it"
            ) from None
    return "configurations: all three stand"


async def _own_kinds_are_answered(client: KubeClient, subject: Subject) -> str:
    """A proposal about this very pod: stamped where a policy reaches it, else declined in our words."""
    proposal = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": NAME, "namespace": subject.namespace},
        "spec": {
            "action": "Restart",
            "target": {"group": "", "kind": "Pod", "name": NAME},
            "why": {"summary": "helm test asks whether the gate answers"},
        },
    }
    try:
        stored = await client.create(PROPOSALS, proposal, subject.namespace, dry_run=True)
    except Forbidden as error:
        if _STAMPED_BY in error.message and _NEEDS_NO_SIGNATURE in error.message:
            return "own kinds: the webhook read the policies and the pod, and needs no proposal for it"
        raise Failed(f"a proposal was refused, and not for want of a policy: {error.message}") from error
    if not stored["spec"].get("digest"):
        raise Failed("a proposal would be stored without the gate's digest: the webhook was not asked")
    return "own kinds: the webhook completed a proposal"


async def _gated_is_judged(client: KubeClient, policy: JsonObject) -> str:
    name, enforcement = policy["metadata"]["name"], policy["spec"].get("enforcement", "Deny")
    what = f"gate: deleting the policy {name} unsigned"
    conclusion = await _conclusion_on(lambda: client.delete(POLICIES, name, dry_run=True, timeout=_TIMEOUT_SECONDS))
    if enforcement != "Deny":
        if conclusion is not None:
            raise Failed(f"{what} is refused ({conclusion}), though it says {enforcement}")
        return f"{what} passes, for it says {enforcement}"
    if conclusion != Conclusion.UNSIGNED:
        raise Failed(f"{what} should be refused as Unsigned, and was {conclusion or 'let through'}")
    return f"{what} is refused"


async def _ungated_passes(client: KubeClient, policy: JsonObject) -> str:
    """One more line demands more and loosens nothing; the gate is asked all the same."""
    name = policy["metadata"]["name"]
    line = {**policy["spec"]["lines"][0], "name": "selftest"}
    patch = [{"op": "add", "path": "/spec/lines/-", "value": line}]
    conclusion = await _conclusion_on(
        lambda: client.patch(
            POLICIES, name, patch, kind=PatchKind.JSON, dry_run=True, field_manager=NAME, timeout=_TIMEOUT_SECONDS
        )
    )
    if conclusion is not None:
        raise Failed(f"gate: one more line for the policy {name} loosens nothing, and was refused ({conclusion})")
    return f"gate: one more line for the policy {name} passes unsigned"


async def _conclusion_on(send: Callable[[], Awaitable[JsonObject]]) -> str | None:
    """What the gate concluded when it refused; None where the request passed."""
    try:
        await send()
    except Forbidden as error:
        causes = error.details.get("causes") or []
        verdicts = [cause["message"] for cause in causes if cause.get("reason") == "CutlineVerdict"]
        if not verdicts:
            raise Failed(f"somebody else refused it: {error.message}") from error
        return str(json.loads(verdicts[0])["conclusion"])
    return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cutline_webhook.selftest", description="Does the gate answer?")
    parser.add_argument("--namespace", required=True, help="where Cutline is installed")
    parser.add_argument("--policy", default="", help="the starter policy, if the installation has one")
    parser.add_argument("--within", type=float, default=60.0, metavar="SECONDS", help="how long to try")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> list[str]:
    async with await KubeClient.connect(user_agent=NAME, timeout=_TIMEOUT_SECONDS) as client:
        return await check_within(client, Subject(arguments.namespace, arguments.policy), arguments.within)


def main() -> int:
    """0 if the gate answers, 1 if it does not, 2 if nobody could be asked."""
    try:
        seen = asyncio.run(_run(_arguments()))
    except BadKubeconfig as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    except Failed as failed:
        print(f"FAILED {failed}", flush=True)
        return 1
    for line in seen:
        print(f"ok     {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
