"""`python -m cutline_testbed`: bring a testbed up, look at it, take it down.

It refuses to hold logic: every command is one call to the modules that do the work.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from cutline_testbed import clusters, components, programs, state
from cutline_testbed.clusters import ClusterKind
from cutline_testbed.cutline_processes import CutlineProcesses
from cutline_testbed.errors import TestbedError
from cutline_testbed.guidance import environment_lines, next_steps
from cutline_testbed.images import can_build_images
from cutline_testbed.images.command import write_images
from cutline_testbed.install import ensure_installed, install, say_if_not_bare
from cutline_testbed.interrupts import end_on_signals, undisturbed
from cutline_testbed.node.requirements import ensure_requirements, missing
from cutline_testbed.paths import state_folders
from cutline_testbed.report import Report
from cutline_testbed.state import Options
from cutline_testbed.testbed import Testbed
from cutline_testbed.toolchain import ensure_programs

INTERRUPTED = 130
# The clusters that we make ourselves, and what each is called if it is not named.
OURS = {ClusterKind.TESTBED: "default", ClusterKind.NODE: "node"}
# Commands that are about no cluster.
EVERYWHERE = ("toolchain", "node-check", "images")
# Two, so that a drain has somewhere to go.
REAL_NODES = 2


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    end_on_signals()
    report = Report()
    try:
        return _run(arguments, report)
    except TestbedError as error:
        report.say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        report.say("interrupted; nothing that this command started is left running")
        return INTERRUPTED


def _run(arguments: argparse.Namespace, report: Report) -> int:
    everywhere = arguments.command in EVERYWHERE or (arguments.command == "clean" and arguments.all)
    kind = ClusterKind.TESTBED if everywhere else clusters.chosen(os.environ)
    if kind not in OURS:
        return clusters.run(kind, arguments.command, report, bare=getattr(arguments, "bare", False))
    if arguments.command in ("up", "install") and clusters.helm_arguments(os.environ):
        raise TestbedError(f"{clusters.HELM_ARGS} is for {clusters.VARIABLE}=existing and {clusters.VARIABLE}=kind")
    command: Callable[[Testbed, argparse.Namespace], int] = arguments.run
    arguments.kind = kind
    return command(Testbed(arguments.name or OURS[kind], report=report), arguments)


def _up(testbed: Testbed, arguments: argparse.Namespace) -> int:
    started = testbed.start(_options(arguments, testbed))
    try:
        if arguments.bare:
            say_if_not_bare(testbed)
        else:
            ensure_installed(testbed)
    except KeyboardInterrupt:
        # A failed installation leaves the control plane up to be looked at; an unwanted one does not.
        if started:
            with undisturbed():
                testbed.stop()
        raise
    print(next_steps(testbed, with_cutline=not arguments.bare))
    return 0


def _down(testbed: Testbed, arguments: argparse.Namespace) -> int:
    testbed.stop()
    return 0


def _clean(testbed: Testbed, arguments: argparse.Namespace) -> int:
    names = [folder.name for folder in state_folders()] if arguments.all else [testbed.name]
    for name in names:
        Testbed(name, report=testbed.report).clean()
    return 0


def _toolchain(testbed: Testbed, arguments: argparse.Namespace) -> int:
    report = testbed.report
    report.say(f"the control plane's programs are in {testbed.toolchain.path('kubectl').parent}")
    if arguments.tests:
        for wanted in (programs.CHART, programs.CERT_MANAGER):
            ensure_programs(wanted, report)
    if arguments.node:
        ensure_requirements(report)
        report.say(f"the node's programs are in {testbed.node_tools.kubernetes.folder} and beside it")
    if arguments.node or (arguments.tests and can_build_images() is None):
        report.say(f"the images are in {testbed.images.webhook.parent} and beside it")
    return 0


def _node_check(testbed: Testbed, arguments: argparse.Namespace) -> int:
    """Exit code 0 only if real nodes can run here."""
    reasons = missing()
    print("\n".join(reasons) or "real nodes can run here")
    return 1 if reasons else 0


def _images(testbed: Testbed, arguments: argparse.Namespace) -> int:
    return write_images(testbed.report, arguments.tag)


def _status(testbed: Testbed, arguments: argparse.Namespace) -> int:
    """Exit code 0 only if the control plane is ready."""
    for name, pid in testbed.status().items():
        print(f"{name:26} {'not running' if pid is None else f'pid {pid}'}")
    ready = testbed.is_ready()
    print(f"{'control plane':26} {'ready' if ready else 'not ready'}")
    return 0 if ready else 1


def _install(testbed: Testbed, arguments: argparse.Namespace) -> int:
    if not testbed.is_ready():
        raise TestbedError(f"testbed {testbed.name!r} is not running; `up` starts it")
    install(testbed)
    return 0


def _env(testbed: Testbed, arguments: argparse.Namespace) -> int:
    print("\n".join(environment_lines(testbed, arguments.persona)))
    return 0


def _component(testbed: Testbed, arguments: argparse.Namespace) -> int:
    """start, stop or restart one program."""
    known = testbed.component_names()
    name = arguments.component
    if name not in known:
        raise TestbedError(f"no component {name!r} here; there are {', '.join(known)}")
    cutline = CutlineProcesses(testbed)
    starters = {components.WEBHOOK: cutline.start_webhook, components.OPERATOR: cutline.start_operator}
    if arguments.command in ("stop", "restart"):
        testbed.stop_component(name)
    if arguments.command in ("start", "restart"):
        starter = starters.get(name)
        testbed.start_component(name) if starter is None else starter()
    return 0


def _options(arguments: argparse.Namespace, testbed: Testbed) -> Options | None:
    """None unless something was asked for, so that a plain `up` keeps what an earlier one said."""
    asked: dict[str, object] = {
        "api_servers": arguments.api_servers,
        "nodes": arguments.nodes,
        "real_nodes": arguments.real_nodes,
        "service_account_credentials": False if arguments.controllers_as_one else None,
        "api_server_args": tuple(arguments.api_server_arg) or None,
    }
    if arguments.kind is ClusterKind.NODE and state.load(testbed.layout.folder) is None:
        # What nobody asked for otherwise: simulated nodes can stand beside real ones, but need not.
        asked = {"real_nodes": REAL_NODES, "nodes": 0} | {k: v for k, v in asked.items() if v is not None}
    return testbed.options_with({key: value for key, value in asked.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cutline-testbed", description="A Kubernetes control plane on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Callable[[Testbed, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--name", help="which testbed (default: default, or node with CLUSTER=node)")
        command.set_defaults(run=run)
        return command

    up = add("up", _up, "start a testbed, or find it running; installs Cutline unless --bare")
    up.add_argument("--bare", action="store_true", help="the control plane alone")
    up.add_argument("--api-servers", type=int, metavar="N", help="API servers on the same etcd (1)")
    up.add_argument("--nodes", type=int, metavar="N", help="simulated nodes (3; none with CLUSTER=node)")
    up.add_argument("--real-nodes", type=int, metavar="N", help="real nodes, as root on Linux (0; 2 with CLUSTER=node)")
    up.add_argument(
        "--controllers-as-one",
        action="store_true",
        help="run the controller manager with --use-service-account-credentials=false",
    )
    up.add_argument("--api-server-arg", action="append", default=[], metavar="ARG", help="one more API server flag")
    add("down", _down, "stop a testbed; its data stays")
    add("status", _status, "which programs run")
    clean = add("clean", _clean, "stop a testbed and remove its data")
    clean.add_argument("--all", action="store_true", help="every testbed of this checkout")
    toolchain = add("toolchain", _toolchain, "build the control plane's programs, or find them built")
    toolchain.add_argument("--node", action="store_true", help="those of real nodes and the images too")
    toolchain.add_argument("--tests", action="store_true", help="all that tests need, so that none waits for a build")
    add("node-check", _node_check, "whether real nodes can run on this machine, and if not, why")
    images = add("images", _images, "build the container images and write them, with their lists of software, to dist/")
    images.add_argument("--tag", help="the images' tag (default: this checkout's version)")
    add("install", _install, "install or upgrade Cutline from this checkout")
    env = add("env", _env, "print export lines for a shell")
    env.add_argument("--persona", default="admin", help="whose kubeconfig (default: %(default)s)")
    for verb in ("start", "stop", "restart"):
        add(verb, _component, f"{verb} one program of a testbed").add_argument("component")
    return parser


if __name__ == "__main__":
    sys.exit(main())
