"""The stage on which cases are recorded: a namespace on real nodes, an actor, and pods whose fate is watched.

It refuses to interpret: what became of a pod is read off its uid, its containers and their restarts.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cutline_testbed import Testbed
from cutline_testbed.recording import Recorded
from tests.cases.case import Case, Ends, Observed
from tests.cases.trimming import trimmed
from tests.e2e.login import MERGE, Login
from tests.e2e.waiting import await_true

Tree = dict[str, Any]

ACTOR = "mallory"
EVERYTHING = "everything.recorder.cutline.dev"
STRATEGIC = "application/strategic-merge-patch+json"
# So long nothing must happen before it is said that nothing did.
QUIET_SECONDS = 4.0
WITHIN_SECONDS = 150.0
SCRIPT = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); signal.pause()"
KILL = "__import__('os').kill(1,15)"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a pod."""

    ends: Ends
    text: str


NOTHING = Fate(Ends.NOTHING, "the pod and its container stayed as they were")


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the API server sent it, and which of the gate's webhooks it would have asked."""

    review: Tree
    asked_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario works with. `reviews` grows while requests are sent."""

    testbed: Testbed
    namespace: str
    reviews: list[Recorded]
    kubernetes: str

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def send(self, method: str, path: str, body: object = None, content_type: str = MERGE) -> None:
        """One request of the actor, which must succeed."""
        kind = "application/json" if method in ("POST", "PUT") else content_type
        Login(self.testbed.kubeconfig(ACTOR)).send(method, path, body, kind).must_pass()

    def connect(self, path: str) -> None:
        """A request to be connected with a container. What the other side says to one that is never upgraded
        is of no interest: it was asked about before."""
        self.testbed.run_kubectl(ACTOR, "create", "--raw", path, "-f", "/dev/null")

    def kubectl(self, *arguments: str) -> None:
        done = self.testbed.run_kubectl(ACTOR, *arguments)
        assert done.returncode == 0, done.stderr

    def get(self, path: str) -> Tree | None:
        return self.testbed.api().get(path)

    def create(self, path: str, tree: Tree) -> None:
        self.testbed.api().create(path, tree)

    def pod(self, name: str, node: str = "real-2", **spec: Any) -> "Pod":
        """A pod that runs."""
        self.create(self.pods, {"metadata": {"name": name, "labels": {"app": name}}, "spec": pod_spec(node, **spec)})
        return self.running(name)

    def script(self, name: str, node: str = "real-2", **spec: Any) -> "Pod":
        """A pod in which something can be executed, and whose first process ends when told to."""
        return self.pod(name, node, containers=[scripted()], **spec)

    def workload(self, kind: str, name: str, group: str = "apps", **spec: Any) -> "Pod":
        """A workload, and its only pod once that runs."""
        labels = {"app": name}
        more = spec.pop("pod", {})
        template = {"metadata": {"labels": labels}, "spec": pod_spec("", **more)}
        selector = {} if kind == "Job" else {"selector": {"matchLabels": labels}}
        body = {"metadata": {"name": name}, "spec": {**selector, "template": template, **spec}}
        self.create(self.path_of(kind, group), {**body, "kind": kind, "apiVersion": f"{group}/v1"})
        await_true(lambda: bool(self._pods_of(name)), f"{kind} {name} has a pod", WITHIN_SECONDS)
        return self.running(self._pods_of(name)[0]["metadata"]["name"])

    def path_of(self, kind: str, group: str = "apps") -> str:
        return f"/apis/{group}/v1/namespaces/{self.namespace}/{kind.lower()}s"

    def _pods_of(self, app: str) -> list[Tree]:
        found = self.get(f"{self.pods}?labelSelector=app%3D{app}")
        return list(found["items"]) if found else []

    def running(self, name: str) -> "Pod":
        path = f"{self.pods}/{name}"
        await_true(lambda: _runs(self.get(path)), f"pod {name} runs", WITHIN_SECONDS)
        before = self.get(path)
        assert before is not None
        return Pod(self, path, before)

    def seen(
        self,
        operation: str,
        resource: str,
        subresource: str = "",
        *,
        by: str = ACTOR,
        which: Callable[[Tree], bool] = bool,
    ) -> Seen:
        """The newest request of this kind; awaited, for controllers take their time."""
        found: list[Seen] = []

        def is_there() -> bool:
            for review in reversed(list(self.reviews)):
                request = review.request
                asked = (request["operation"], request["resource"]["resource"], request.get("subResource", ""))
                is_it = asked == (operation, resource, subresource) and request["userInfo"]["username"] == by
                if review.webhook == EVERYTHING and is_it and which(request):
                    found.append(Seen(trimmed(review), tuple(sorted(self._asked_about(request)))))
                    return True
            return False

        await_true(is_there, f"{by} sent {operation} {resource}/{subresource}", WITHIN_SECONDS)
        return found[0]

    def _asked_about(self, request: Tree) -> Iterator[str]:
        for review in list(self.reviews):
            if review.webhook != EVERYTHING and _same(review.request, request):
                yield review.webhook

    def case(
        self,
        name: str,
        what: str,
        sent: str,
        seen: Seen,
        fate: Fate,
        *,
        open_: str = "",
        target: Tree | None = None,
        proposal: Tree | None = None,
    ) -> Case:
        """What is written down of one request."""
        observed = Observed(sent, fate.ends, fate.text, self.kubernetes)
        return Case(name, what, observed, seen.review, seen.asked_by, open_=open_, target=target, proposal=proposal)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of one container, as it was before anything was done to it."""

    stage: Stage
    path: str
    before: Tree

    @property
    def name(self) -> str:
        return str(self.before["metadata"]["name"])

    @property
    def node(self) -> str:
        return str(self.before["spec"]["nodeName"])

    def patch(self, body: Tree, subresource: str = "", content_type: str = MERGE) -> None:
        self.stage.send("PATCH", self.path + (f"/{subresource}" if subresource else ""), body, content_type)

    def fate(self, awaited: Ends, seconds: float = WITHIN_SECONDS) -> Fate:
        """What became of it: awaited, or for `Nothing` looked at for a while."""
        if awaited is Ends.NOTHING:
            # That nothing comes of it can only be seen by giving it the time.
            time.sleep(QUIET_SECONDS)
            found = self._now()
            assert found is NOTHING, f"{self.name}: {found.text}"
            return found
        await_true(lambda: self._now().ends is awaited, f"{self.name} met its end ({awaited})", seconds)
        return self._now()

    def _now(self) -> Fate:
        tree = self.stage.get(self.path)
        if tree is None:
            return Fate(Ends.POD, "the pod was deleted")
        if tree["metadata"]["uid"] != self.before["metadata"]["uid"]:
            return Fate(Ends.POD, "the pod was deleted, and another made under its name")
        if "deletionTimestamp" in tree["metadata"]:
            return Fate(Ends.NOTHING, "the pod is being deleted")
        before, after = _container(self.before), _container(tree)
        status = tree["status"]
        if status["phase"] in ("Failed", "Succeeded") and "running" not in after.get("state", {}):
            reason = f" ({status['reason']})" if "reason" in status else ""
            return Fate(Ends.POD, f"the kubelet ended the container for good; the pod stays, {status['phase']}{reason}")
        was, now = before["restartCount"], after["restartCount"]
        if now > was:
            return Fate(Ends.CONTAINER, f"the container ended and was started again (restarts {was} to {now})")
        if "running" not in after["state"]:
            return Fate(Ends.CONTAINER, "the container ended and waits to be started again")
        return NOTHING


def pod_spec(node: str = "", **spec: Any) -> Tree:
    """One container that does nothing, on a real node."""
    chosen = {"nodeName": node} if node else {}
    return {"containers": [{"name": "main", "image": "shop:v1"}], "terminationGracePeriodSeconds": 1, **chosen, **spec}


def scripted(name: str = "main", script: str = SCRIPT) -> Tree:
    return {"name": name, "image": "script:v1", "command": ["python3", "-c", script]}


def _container(pod: Tree) -> Tree:
    found: Tree = next(iter(pod["status"].get("containerStatuses") or [{"restartCount": 0, "state": {}}]))
    return found


def _runs(pod: Tree | None) -> bool:
    return pod is not None and pod["status"].get("phase") == "Running" and "running" in _container(pod).get("state", {})


def _same(one: Tree, other: Tree) -> bool:
    """One request is sent to each webhook under another uid."""
    return {**one, "uid": ""} == {**other, "uid": ""}
