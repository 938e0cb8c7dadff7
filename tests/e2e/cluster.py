"""What the end-to-end tests speak: personas that run real commands on a real API server."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from cutline_testbed import CutlineProcesses, Testbed

SYSTEM = "cutline-system"
SECONDS = 60.0  # how long anything that must come may take on a busy machine


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


def await_true(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Wait for what must come; the deadline is an error and not a result."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f}s in vain until {what}"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A testbed with Cutline on it."""

    testbed: Testbed
    processes: CutlineProcesses
    namespaces: list[str] = field(default_factory=list)

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

    def apply(self, persona: str, *objects: dict[str, Any]) -> Outcome:
        return self.kubectl(persona, "apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

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
        self.apply("admin", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        self.namespaces.append(name)
        await_true(lambda: bool(self.get("serviceaccount", "default", name)), f"{name} has its service account")
        return name

    def deployment(self, namespace: str, name: str = "checkout", *, replicas: int = 4, images: int = 1) -> None:
        """A Deployment that runs, after as many revisions as `images` says."""
        self.kubectl(
            "admin", "create", "deployment", name, "-n", namespace, "--image=shop:v1", f"--replicas={replicas}"
        ).must_pass()
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

    def digest(self, name: str, namespace: str) -> str:
        return str(self.get("remediationproposal", name, namespace)["spec"]["digest"])

    def sign(self, persona: str, name: str, namespace: str, decision: str = "Approve", **spec: Any) -> Outcome:
        """Sign a proposal as it stands now."""
        digest = spec.pop("digest", None) or self.digest(name, namespace)
        return self.apply(
            persona, signoff(f"{name}-{persona}-{secrets.token_hex(2)}", namespace, name, digest, decision, **spec)
        )

    def admitted(self, proposal_name: str) -> list[dict[str, Any]]:
        """The records of changes that one proposal let through."""
        everything = self.items("admittedchanges", "-n", SYSTEM)
        return [item for item in everything if item["spec"]["proposal"]["name"] == proposal_name]


def proposal(name: str, namespace: str, action: str, target: dict[str, str], **spec: Any) -> dict[str, Any]:
    """A proposal as a person writes it."""
    body = {"action": action, "target": target, "why": {"summary": "errors since the last change"}, **spec}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "cutline.dev/v1alpha1", "kind": "RemediationProposal", "metadata": metadata, "spec": body}


def signoff(name: str, namespace: str, of: str, digest: str, decision: str, **spec: Any) -> dict[str, Any]:
    """A sign-off as a person writes it."""
    body = {"proposal": of, "digest": digest, "decision": decision, "reason": "looked at the change", **spec}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "cutline.dev/v1alpha1", "kind": "Signoff", "metadata": metadata, "spec": body}


CHECKOUT = {"group": "apps", "kind": "Deployment", "name": "checkout"}


def scale_down(replicas: int) -> dict[str, Any]:
    return {"scaleDown": {"replicas": replicas}}
