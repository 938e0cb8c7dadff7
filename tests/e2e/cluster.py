"""What the end-to-end tests speak: personas that run real commands on a real API server."""

import http.client
import json
import secrets
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cutline_testbed import CutlinePods, CutlineProcesses, Testbed
from cutline_testbed.ports import HOST
from tests.e2e.audit_log import lines_of
from tests.e2e.login import MERGE, Answer, Login
from tests.e2e.manifests import POLICY, policy, proposal, signoff
from tests.e2e.waiting import SECONDS, await_true

SYSTEM = "cutline-system"
AGENT = "system:serviceaccount:agents:ai-sre"
POLICIES = "/apis/cutline.dev/v1alpha1/reversibilitypolicies"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: its exit code and everything it printed."""

    command: str
    code: int
    output: str

    @property
    def passed(self) -> bool:
        return self.code == 0

    def must_pass(self) -> "Outcome":
        assert self.passed, f"{self.command}\n{self.output}"
        return self

    def must_be_refused(self, *texts: str) -> "Outcome":
        """Refused, by a webhook of ours, with each of these texts in the message."""
        assert not self.passed, f"{self.command} passed:\n{self.output}"
        flat = " ".join(self.output.split())
        for text in texts:
            assert text in flat, f"{text!r} is not in what `{self.command}` printed:\n{self.output}"
        return self


@dataclass(frozen=True, slots=True)
class Cluster:
    """A testbed with Cutline on it."""

    testbed: Testbed
    processes: CutlineProcesses
    # Instead of the processes, on real nodes.
    pods: CutlinePods | None = None
    namespaces: list[str] = field(default_factory=list)
    logins: dict[str, Login] = field(default_factory=dict)

    def kubectl(self, persona: str, *arguments: str, stdin: str | None = None) -> Outcome:
        """Run kubectl as a persona."""
        done = self.testbed.run_kubectl(persona, *arguments, stdin=stdin)
        return Outcome(f"{persona}$ kubectl {' '.join(arguments)}", done.returncode, done.stdout + done.stderr)

    def run(self, persona: str, *command: str) -> Outcome:
        """Run any command as a persona, with the testbed's programs first on the path."""
        done = subprocess.run(
            command, env=self.testbed.environment(persona), capture_output=True, text=True, check=False, timeout=120
        )
        return Outcome(f"{persona}$ {' '.join(command)}", done.returncode, done.stdout + done.stderr)

    def send(
        self, persona: str, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> Answer:
        """Send one request as a persona, without kubectl."""
        if persona not in self.logins:
            self.logins[persona] = Login(self.testbed.kubeconfig(persona))
        return self.logins[persona].send(method, path, body, content_type)

    def denied_change(
        self, persona: str, method: str, path: str, body: object = None, content_type: str = MERGE
    ) -> list[dict[str, str]]:
        """`spec.changes` of a proposal, out of the denial of a dry run."""
        answer = self.send(persona, method, f"{path}?dryRun=All", body, content_type)
        canonical = answer.cause("CutlineChange")
        assert canonical, f"{method} {path} was not refused by the gate: {answer.status} {answer.message}"
        return [{"canonical": canonical}]

    def newcomer(self, name: str, *groups: str, user: str = "") -> str:
        """A persona of the test's own, with a client certificate and no rights; named after the user or not."""
        self.testbed.issue_kubeconfig(name, user or name, groups)
        return name

    def allow(self, user: str, namespace: str, *rules: dict[str, list[str]]) -> None:
        """Let a user do in one namespace what these RBAC rules say."""
        name = f"e2e-{secrets.token_hex(3)}"
        metadata = {"name": name, "namespace": namespace}
        group = "rbac.authorization.k8s.io"
        self.apply(
            "admin",
            {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": list(rules)},
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
                "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
            },
        ).must_pass()

    @contextmanager
    def policy(self, *lines: dict[str, Any], **spec: Any) -> Iterator[str]:
        """A policy over the namespaces whose line label is its name; taken away again with signatures."""
        name = f"line-{secrets.token_hex(4)}"
        self.apply("platform", policy(name, *lines, **spec)).must_pass()
        try:
            self.await_line(name, lines[0]["name"])
            yield name
        finally:
            self.drop_policy(name)

    def await_line(self, name: str, text: str) -> None:
        """Wait until the gate knows of this in a policy: its own deletion is refused by it."""
        await_true(
            lambda: text in self.send("admin", "DELETE", f"{POLICIES}/{name}?dryRun=All").message,
            f"the gate knows {text!r} of policy {name}",
        )

    def drop_policy(self, name: str) -> None:
        """Delete a policy the way it has to be: signed by everybody."""
        changes = self.denied_change("mallory", "DELETE", f"{POLICIES}/{name}")
        signed = self.propose("mallory", SYSTEM, "Loosening", POLICY | {"name": name}, changes=changes)
        for persona in ("alice", "bob", "sam"):
            self.sign(persona, signed, SYSTEM).must_pass()
        self.send("mallory", "DELETE", f"{POLICIES}/{name}").must_pass()

    def apply(self, persona: str, *objects: dict[str, Any]) -> Outcome:
        # JSON, because Go reads a bare 901e71 as a number where PyYAML writes it for a string.
        return self.kubectl(persona, "apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, objects)))

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        """An object as the admin reads it; empty where there is none."""
        where = ("-n", namespace) if namespace else ()
        done = self.testbed.run_kubectl("admin", "get", kind, name, *where, "-o", "json", "--ignore-not-found")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return found

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """A listing as the admin reads it."""
        done = self.testbed.run_kubectl("admin", "get", kind, *arguments, "-o", "json")
        assert done.returncode == 0, done.stderr
        listed: list[dict[str, Any]] = json.loads(done.stdout)["items"]
        return listed

    def namespace(self, *, line: str | None = "production") -> str:
        """A fresh namespace, labelled for the starter policy unless told otherwise."""
        name = f"shop-{secrets.token_hex(3)}"
        labels = {"cutline.dev/line": line} if line else {}
        self.send("admin", "POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}).must_pass()
        self.namespaces.append(name)
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        await_true(lambda: self.send("admin", "GET", account).passed, f"{name} has its service account")
        return name

    def deployment(self, namespace: str, name: str = "checkout", *, replicas: int = 4, images: int = 1) -> None:
        """A Deployment that runs, after as many revisions as `images` says.

        Its new pods start all at once: what a test waits for is not how a rollout goes.
        """
        labels = {"app": name}
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "shop", "image": "shop:v1"}]},
            },
        }
        tree = {"metadata": {"name": name, "labels": labels}, "spec": spec}
        self.send("admin", "POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", tree).must_pass()
        self.rolled_out(namespace, f"deployment/{name}")
        for version in range(2, images + 1):
            self.kubectl(
                "admin", "set", "image", f"deployment/{name}", f"shop=shop:v{version}", "-n", namespace
            ).must_pass()
            self.rolled_out(namespace, f"deployment/{name}")

    def rolled_out(self, namespace: str, workload: str) -> None:
        self.kubectl("admin", "rollout", "status", workload, "-n", namespace, "--timeout=90s").must_pass()

    def replicas(self, namespace: str, name: str = "checkout") -> int:
        return int(self.get("deployment", name, namespace)["spec"]["replicas"])

    def propose(self, persona: str, namespace: str, action: str, target: dict[str, str], **spec: Any) -> str:
        """Create a proposal by hand and answer its name."""
        name = f"p-{secrets.token_hex(4)}"
        self.apply(persona, proposal(name, namespace, action, target, **spec)).must_pass()
        return name

    def try_propose(self, persona: str, namespace: str, action: str, target: dict[str, str], **spec: Any) -> Outcome:
        """Create a proposal that may be refused."""
        return self.apply(persona, proposal(f"p-{secrets.token_hex(4)}", namespace, action, target, **spec))

    def digest(self, name: str, namespace: str) -> str:
        return str(self.get("remediationproposal", name, namespace)["spec"]["digest"])

    def sign(self, persona: str, name: str, namespace: str, decision: str = "Approve", **spec: Any) -> Outcome:
        """Sign a proposal as it stands now."""
        digest = spec.pop("digest", None) or self.digest(name, namespace)
        return self.apply(
            persona, signoff(f"{name}-{persona}-{secrets.token_hex(2)}", namespace, name, digest, decision, **spec)
        )

    def signed(self, persona: str, namespace: str, action: str, target: dict[str, str], **spec: Any) -> str:
        """A proposal by one persona that alice has approved."""
        name = self.propose(persona, namespace, action, target, **spec)
        self.sign("alice", name, namespace).must_pass()
        return name

    def login(self, persona: str, server: str = "kube-apiserver") -> Login:
        """A persona's login at one of the API servers."""
        state = self.testbed.state
        return Login(self.testbed.kubeconfig(persona), f"{state.host}:{state.ports[server]}")

    def log_lines(self, component: str, containing: str = "") -> list[dict[str, Any]]:
        """The JSON lines that one of Cutline's processes logged with this text in them."""
        if self.pods is not None:
            text = self.pods.logs(component)
        else:
            text = self.testbed.layout.process(component).log.read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and containing in line]

    def metrics(self, component: str = "webhook") -> str:
        """What all replicas of the webhook expose, or the operator."""
        if self.pods is None:
            port = self.testbed.state.ports[f"{component}-metrics"]
            connection = http.client.HTTPConnection(HOST, port, timeout=SECONDS)
            try:
                connection.request("GET", "/metrics")
                return connection.getresponse().read().decode()
            finally:
                connection.close()
        replicas = self.items("pods", "-n", SYSTEM, "-l", f"app.kubernetes.io/component={component}")
        paths = (f"/api/v1/namespaces/{SYSTEM}/pods/{pod['metadata']['name']}:9090/proxy/metrics" for pod in replicas)
        return "\n".join(self.kubectl("admin", "get", "--raw", path).must_pass().output for path in paths)

    def webhook_address(self) -> tuple[str, str]:
        """Where the gate's configuration sends reviews: HOST:PORT and the path."""
        configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        gate = self.send("admin", "GET", f"{configurations}/cutline-gate").must_pass()
        client = gate["webhooks"][0]["clientConfig"]
        if "url" in client:
            parts = urllib.parse.urlsplit(client["url"])
            return parts.netloc, parts.path
        service = client["service"]
        found = self.get("service", service["name"], service["namespace"])
        return f"{found['spec']['clusterIP']}:{service['port']}", service["path"]

    def audit(self, containing: str, server: str = "kube-apiserver") -> list[dict[str, Any]]:
        """The writes that an API server logged with this text in them: who did what to which object."""
        return [json.loads(line) for line in lines_of(self.testbed.layout.audit_log(server)) if containing in line]

    def admitted(self, proposal_name: str) -> list[dict[str, Any]]:
        """The records of changes that one proposal let through."""
        everything = self.items("admittedchanges", "-n", SYSTEM)
        return [item for item in everything if item["spec"]["proposal"]["name"] == proposal_name]
