"""What to type next: export lines and a first command. Pure text.

It refuses to change the caller's environment; a shell has to evaluate what it prints.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from cutline_testbed import personas
from cutline_testbed.helm import NAMESPACE, RELEASE
from cutline_testbed.testbed import Testbed


def environment_lines(testbed: Testbed, persona: str = "admin") -> list[str]:
    """Lines for `eval`: this persona's kubeconfig, our kubectl and helm, the venv's programs."""
    environment = testbed.environment(persona)
    lines = [f"export {name}={shlex.quote(environment[name])}" for name in ("KUBECONFIG", "KUBECACHEDIR")]
    # Not the whole PATH: it is the evaluating shell's that is to be put behind ours.
    ours = environment["PATH"].removesuffix(os.environ.get("PATH", os.defpath))
    return [*lines, f'export PATH={shlex.quote(ours)}"$PATH"']


def next_steps(testbed: Testbed, *, with_cutline: bool) -> str:
    """Shown after `up`."""
    command = f"{Path(sys.executable)} -m cutline_testbed env --name {testbed.name}"
    width = max(len(persona.name) for persona in personas.PERSONAS)
    lines = [
        "",
        f"Testbed {testbed.name!r} is up. In a shell:",
        "",
        f'  eval "$({command})"',
        "",
        "and then be one of:",
        "",
    ]
    for persona in personas.PERSONAS:
        path = testbed.kubeconfig(persona.name)
        lines.append(
            f"  export KUBECONFIG={shlex.quote(str(path))}{' ' * (width - len(persona.name))}  # {persona.purpose}"
        )
    first = "kubectl cutline --help" if with_cutline else "kubectl get nodes"
    return "\n".join([*lines, "", f"A first command to try: {first}", ""])


def next_steps_elsewhere(kubeconfig: str, folders: list[str], *, with_cutline: bool) -> str:
    """Shown after `up` on a cluster that is no testbed; `folders` have programs besides our own."""
    search = os.pathsep.join([str(Path(sys.executable).parent), *folders])
    lines = [
        "",
        "The cluster is up. In a shell:",
        "",
        f"  export KUBECONFIG={shlex.quote(kubeconfig)}",
        f'  export PATH="$PATH":{shlex.quote(search)}',
        "",
    ]
    if not with_cutline:
        return "\n".join([*lines, "A first command to try: kubectl get nodes", ""])
    lines += [f"A first command to try: helm test {RELEASE} -n {NAMESPACE}", ""]
    return "\n".join([*lines, "To take Cutline away again:", "", removal(), ""])


def removal() -> str:
    """The commands that take Cutline from a cluster; docs/howto/uninstall.md says what stays."""
    return f"  kubectl cutline uninstall\n  helm uninstall {RELEASE} -n {NAMESPACE} --wait"
