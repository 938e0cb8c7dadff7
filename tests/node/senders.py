"""Who sends what during a load: gated, signed, asked about and free, from several hands at once."""

import itertools
import time
from functools import partial
from typing import Any

from tests.e2e.manifests import proposal, scale_down
from tests.node.callers import Request
from tests.node.load import Script, Sender, again
from tests.node.shop import (
    AGENT_PROPOSALS,
    BUSY,
    FULL,
    GROWING,
    GUARDED,
    IDLE,
    LESS,
    NEVER,
    SIGNED,
    Shop,
)
from tests.node.tally import Fate, Kind

STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json"


def all_senders(shop: Shop) -> list[Sender]:
    return [*_gated(shop), *_signed(shop), *_asked(shop), *_free_here(shop), *_free_elsewhere(shop)]


def ungated_senders(shop: Shop) -> list[Sender]:
    """What passes with a gate and without one, and needs none of its kinds."""
    return [_new_template_here(shop), *_free_here(shop), *_free_elsewhere(shop)]


def _gated(shop: Shop) -> list[Sender]:
    """Nobody signed any of it, and each is another way of doing it."""
    deployment, pod = shop.path(GUARDED), shop.pod()
    pods = f"/api/v1/namespaces/{shop.gated}/pods/{pod}"
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": GUARDED, "namespace": shop.gated},
        "spec": {"replicas": 1},
    }
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": shop.gated}}
    # Words that the API server would merge into what is there: the template of the first revision.
    first = _container("shop:v1")
    unlabelled = {"metadata": {"labels": {"cutline.dev/line": None}}}
    ways = [
        ("scale down by patch", "agent", Request(Kind.GATED, "PATCH", f"{deployment}/scale", _spec(replicas=1))),
        ("scale down by put", "robot", Request(Kind.GATED, "PUT", f"{deployment}/scale", scale, JSON)),
        ("roll back", "agent", Request(Kind.GATED, "PATCH", deployment, first, STRATEGIC)),
        ("delete a pod", "agent", Request(Kind.GATED, "DELETE", pods)),
        ("evict a pod", "robot", Request(Kind.GATED, "POST", f"{pods}/eviction", eviction, JSON)),
        ("cordon", "agent", Request(Kind.GATED, "PATCH", f"/api/v1/nodes/{shop.cordoned}", _spec(unschedulable=True))),
        ("leave the line", "robot", Request(Kind.GATED, "PATCH", f"/api/v1/namespaces/{shop.leaving}", unlabelled)),
    ]
    return [Sender(name, persona, again(partial(_same, request))) for name, persona, request in ways]


def _same(request: Request) -> Request:
    return request


def _signed(shop: Shop) -> list[Sender]:
    return [Sender("use a signature", "agent", lambda: _use_each_once(shop), interval=0.5)]


def _use_each_once(shop: Shop) -> Script:
    """Each signed change until it passed; then undone, and tried again: that must be refused."""
    for name in itertools.cycle(SIGNED):
        scale = f"{shop.path(name)}/scale"
        down = Request(Kind.SIGNED, "PATCH", scale, _spec(replicas=LESS))
        tries = 0
        while (yield down) is not Fate.PASSED and tries < 5:
            tries += 1
        while (yield Request(Kind.FREE, "PATCH", scale, _spec(replicas=FULL))) is not Fate.PASSED:
            pass
        for _ in range(2):
            yield down


def _asked(shop: Shop) -> list[Sender]:
    target = {"group": "apps", "kind": "Deployment", "name": GUARDED}
    asked = proposal("only-tried", shop.gated, "ScaleDown", target, **scale_down(1))
    path = AGENT_PROPOSALS.format(shop.gated) + "?dryRun=All"
    propose = Request(Kind.ASKED, "POST", path, asked, JSON)
    return [_new_template_here(shop), Sender("propose", "agent", again(lambda: propose), interval=0.5)]


def _new_template_here(shop: Shop) -> Sender:
    """It might be an earlier one, so the gate has to look."""
    number = itertools.count(time.time_ns())
    path = shop.path(IDLE)
    return Sender(
        "new template", "robot", again(lambda: Request(Kind.ASKED, "PATCH", path, _new_template(next(number))))
    )


def _free_here(shop: Shop) -> list[Sender]:
    """Right where the line is drawn, and surely not gated."""
    number = itertools.count(time.time_ns())
    sizes, more = itertools.count(shop.size(NEVER, "statefulsets") + 1), itertools.count(shop.size(GROWING) + 1)
    never = shop.path(NEVER, "statefulsets")
    settings = f"/api/v1/namespaces/{shop.gated}/configmaps"
    generated = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}}
    beat = f"/api/v1/nodes/{shop.beating}/status"
    return [
        _free("scale up a set", "agent", lambda: (f"{never}/scale", _spec(replicas=next(sizes)))),
        _free("scale up", "agent", lambda: (f"{shop.path(GROWING)}/scale", _spec(replicas=next(more))), interval=1.0),
        _free("annotate", "agent", lambda: (shop.path(GROWING), _note(next(number)))),
        _free("edit settings", "robot", lambda: (f"{settings}/settings", {"data": {"n": str(next(number))}})),
        Sender("create", "robot", again(lambda: Request(Kind.FREE, "POST", settings, generated, JSON)), interval=0.75),
        _free("heartbeat", "heart", lambda: (beat, {"status": {"nodeInfo": {"bootID": str(next(number))}}})),
    ]


def _free_elsewhere(shop: Shop) -> list[Sender]:
    number, sizes = itertools.count(time.time_ns()), itertools.cycle((1, 2, 0))
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{shop.free}/leases/leader"
    busy, idle = shop.path(BUSY, namespace=shop.free), shop.path(IDLE, namespace=shop.free)
    return [
        _free("scale elsewhere", "agent", lambda: (f"{busy}/scale", _spec(replicas=next(sizes)))),
        _free("new template elsewhere", "robot", lambda: (idle, _new_template(next(number))), interval=0.5),
        _free("lead elsewhere", "admin", lambda: (lease, _spec(holderIdentity=str(next(number))))),
    ]


def _free(name: str, persona: str, make: Any, interval: float = 0.25) -> Sender:
    def request() -> Request:
        path, body = make()
        return Request(Kind.FREE, "PATCH", path, body)

    return Sender(name, persona, again(request), interval)


def _spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def _note(number: int) -> dict[str, Any]:
    return {"metadata": {"annotations": {"note": str(number)}}}


def _new_template(number: int) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": {"annotations": {"number": str(number)}}}}}


def _container(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "shop", "image": image}]}}}}
