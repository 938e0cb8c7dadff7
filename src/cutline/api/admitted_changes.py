"""`AdmittedChange` on the wire: written by the gate before it answers, and read as a claim."""

from typing import Any

from cutline.api.fields import Fields
from cutline.api.proposals import API_VERSION
from cutline.api.users import stamp_of, user_from_stamp
from cutline.domain.change import Change, Verb, change_from_canonical
from cutline.domain.claim import Claim
from cutline.domain.distinct import MOST_DEMANDS, distinct
from cutline.domain.evaluate import requirements_of
from cutline.domain.live import Live, World
from cutline.domain.request import Request
from cutline.domain.tree import ABSENT, JsonObject, canonical, segments
from cutline.domain.verdict import Evaluation, Verdict

KIND = "AdmittedChange"
MAX_UNDO_BYTES = 64 * 1024


def claim_of(tree: JsonObject) -> Claim:
    """The claim that a stored admitted change is."""
    metadata, spec = Fields(tree.get("metadata"), "metadata"), Fields(tree.get("spec"), "spec")
    target = spec.child("target")
    return Claim(
        name=metadata.text("name"),
        created=metadata.time("creationTimestamp"),
        proposal_uid=spec.child("proposal").text("uid"),
        signed_digest=spec.text("changeDigest"),
        change=change_from_canonical(spec.text("canonical"), spec.path("canonical")),
        actor=user_from_stamp(spec.child("actor")),
        generation=target.integer("generation") if "generation" in target else None,
        resource_version=target.text("resourceVersion", ""),
    )


def admitted_change(
    verdict: Verdict, request: Request, world: World, *, namespace: str, caller_is_verified: bool
) -> JsonObject:
    """The record of what `verdict` lets through, to be created before the answer is given."""
    covering, change = verdict.covering, verdict.change
    if covering is None or change is None:
        raise ValueError("only a signed change can be recorded")
    proposal = covering.proposal
    demanded = distinct(requirements_of(proposal, verdict.lines))
    spec: dict[str, Any] = {
        "proposal": {
            "namespace": proposal.namespace,
            "name": proposal.name,
            "uid": proposal.uid,
            "digest": proposal.digest,
        },
        "action": proposal.action.value,
        "effects": sorted(verdict.effects),
        "changeDigest": covering.entry.change.digest,
        "requestDigest": change.digest,
        "canonical": change.canonical,
        "actor": stamp_of(request.user),
        "request": _request(request),
        "target": _target(change, world),
        "signoffs": [
            {"namespace": one.namespace, "name": one.name, "uid": one.uid, "by": one.by.username}
            for one in covering.counted
        ],
        "signedBy": _signed_by(covering),
        # All of it was met; more than a record can hold must not keep a signed change from happening.
        "requirement": [dict(one.as_tree()) for one in demanded[:MOST_DEMANDS]],
        "undo": undo_of(change, world.live),
        "caller": "Verified" if caller_is_verified else "Unverified",
    }
    if change.verb is not Verb.UPDATE:
        spec["removal"] = _removal(change)
    if proposal.emergency is not None:
        spec["emergency"] = {"reason": proposal.emergency.reason, "ticket": proposal.emergency.ticket}
    metadata = {"name": covering.claim_name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}


def _signed_by(covering: Evaluation) -> str:
    """On whose word, for people: of an emergency, on its proposer's own."""
    proposal = covering.proposal
    if proposal.emergency is not None:
        return f"{proposal.proposer.username} (emergency)"
    return ", ".join(one.by.username for one in covering.counted)


def _request(request: Request) -> JsonObject:
    return {
        "uid": request.uid,
        "operation": request.operation.value,
        "resource": f"{request.resource}.{request.group}" if request.group else request.resource,
        "subresource": request.subresource,
    }


def undo_of(change: Change, live: Live) -> str:
    """What puts the old state back: a JSON merge patch (RFC 7386), or the whole object where it was deleted.

    Empty for a removed pod, which nothing brings back, and where it would be larger than a record may hold.
    """
    if change.removes_pod:
        return ""
    tree = _patch_back(change) if change.verb is Verb.UPDATE else _whole(live)
    text = canonical(tree) if tree else ""
    return text if len(text.encode()) <= MAX_UNDO_BYTES else ""


def _whole(live: Live) -> JsonObject:
    """The object as it can be created again, without what the server gave it."""
    kind, target = live.kind, live.target
    named = {"name": target.name, **({"namespace": target.namespace} if target.namespace else {})}
    metadata = {**(live.content.get("metadata") or {}), **named}
    version = f"{kind.group}/{kind.version}" if kind.group else kind.version
    content = {key: value for key, value in live.content.items() if key != "status"}
    return {**content, "apiVersion": version, "kind": kind.kind, "metadata": metadata}


def _patch_back(change: Change) -> JsonObject:
    patch: dict[str, Any] = {}
    for field in change.fields:
        *parents, last = segments(field.path)
        node = patch
        for key in parents:
            node = node.setdefault(key, {})
        node[last] = None if field.old is ABSENT else field.old
    return patch


def _removal(change: Change) -> JsonObject:
    grace = change.end.grace_seconds if change.end is not None else None
    return {"how": change.verb.value, **({} if grace is None else {"gracePeriodSeconds": grace})}


def _target(change: Change, world: World) -> JsonObject:
    tree: dict[str, Any] = {**change.target.as_tree(), "resourceVersion": world.live.resource_version}
    if world.live.generation is not None:
        tree["generation"] = world.live.generation
    return tree
