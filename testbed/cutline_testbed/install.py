"""Installs Cutline into a testbed: the chart for real; its processes in pods on real nodes, else on this machine.

It refuses to grant the chart's roles to more than the personas need, and creates no workloads:
those belong to the demo and the tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cutline_testbed import components, personas, rbac, state
from cutline_testbed.cutline_pods import CutlinePods, image_annotations
from cutline_testbed.cutline_processes import CutlineProcesses, account_kubeconfig, config_file
from cutline_testbed.errors import TestbedError
from cutline_testbed.gate import GATE_PATH, NAMESPACE
from cutline_testbed.helm import install_chart
from cutline_testbed.interrupts import undisturbed
from cutline_testbed.node.real_nodes import RealNodes
from cutline_testbed.ports import HOST, choose_ports
from cutline_testbed.state import State
from cutline_testbed.testbed import Testbed

CONFIG_MAP = f"/api/v1/namespaces/{NAMESPACE}/configmaps/cutline-config"
CONFIG_KEY = "config.yaml"
CUTLINE_PORTS = ("webhook", "webhook-metrics", "operator-metrics")
ACCOUNTS = (components.WEBHOOK, components.OPERATOR)


def install(testbed: Testbed) -> None:
    """Install or upgrade; afterwards the gate stands. Running processes get the current code."""
    with testbed.locked():
        if testbed.real_nodes is not None:
            _install_pods(testbed, testbed.real_nodes)
            return
        processes = CutlineProcesses(testbed)
        try:
            _guard_the_upgrade(testbed, processes)
            testbed.report.say("installing Cutline")
            install_chart(testbed.helm, testbed.kubeconfig("admin"), _chart_arguments(testbed), testbed.report)
            _bind_roles(testbed)
            _write_credentials(testbed)
            _write_config(testbed)
            # The operator issues the certificate that the webhook serves with: it comes first.
            processes.restart_operator()
            processes.restart_webhook()
            processes.await_gate()
        except BaseException:
            with undisturbed():
                processes.stop_operator()
                processes.stop_webhook()
            raise


def _install_pods(testbed: Testbed, nodes: RealNodes) -> None:
    """The chart's defaults, but for who is human here; the images go to the nodes, for there is no registry."""
    archives = testbed.images
    for node in nodes.nodes:
        node.load_images((archives.webhook, archives.operator))
    testbed.report.say("installing Cutline")
    images = image_annotations({"webhook": archives.webhook, "operator": archives.operator})
    values = _write_values(testbed, {**values_for_testbed(), **images})
    install_chart(testbed.helm, testbed.kubeconfig("admin"), ["-f", str(values)], testbed.report)
    _bind_roles(testbed)
    CutlinePods(testbed).await_ready()


def _bind_roles(testbed: Testbed) -> None:
    for binding in role_bindings():
        testbed.api().apply(binding)


def _write_values(testbed: Testbed, values: dict[str, Any]) -> Path:
    testbed.layout.cutline.mkdir(exist_ok=True, mode=0o700)
    path = testbed.layout.cutline / "values.json"
    path.write_text(json.dumps(values, indent=2))
    return path


def _guard_the_upgrade(testbed: Testbed, processes: CutlineProcesses) -> None:
    """Where a gate stands already, an upgrade passes through it, so it has to be answered."""
    if processes.webhook.pid() is not None:
        return
    _refresh_ports(testbed)
    if testbed.api().get(GATE_PATH) is None or not config_file(testbed.layout).is_file():
        return
    _write_credentials(testbed)
    try:
        processes.start_webhook()
    except TestbedError as error:
        # The code may have moved on from the old configuration; then the upgrade itself will tell.
        testbed.report.say(f"the webhook does not start with the configuration of before: {error}")


def ensure_installed(testbed: Testbed) -> None:
    """Leave a running installation alone."""
    running = CutlinePods(testbed).running if testbed.real_nodes is not None else CutlineProcesses(testbed).running
    if running():
        testbed.report.say("Cutline is running")
        return
    install(testbed)


def say_if_not_bare(testbed: Testbed) -> None:
    """What an earlier `up` installed outlives it, its gate even its webhook; who wants a bare one should know."""
    gated = testbed.api().get(GATE_PATH) is not None
    if not gated and testbed.api().get(CONFIG_MAP) is None:
        return
    here = f"Cutline was installed on testbed {testbed.name!r} and stays"
    if gated and testbed.real_nodes is None and CutlineProcesses(testbed).webhook.pid() is None:
        here += ", but was not started: gated changes are refused until `up` without --bare"
    nodes = "" if testbed.real_nodes is None else " CLUSTER=node"
    testbed.report.say(f"{here}\none without it, beside this one: make testbed BARE=1 TESTBED_NAME=bare{nodes}")


def values_for_testbed() -> dict[str, Any]:
    """What the chart must know about this cluster that is true of no other."""
    return {
        "humans": {"userGroups": ["people"]},
        # kwok plays the kubelet: it reports that pods have ended, and removes their objects.
        "exempt": [
            {"username": "kwok", "operation": "DELETE", "group": "", "resource": "pods"},
            {"username": "kwok", "operation": "UPDATE", "group": "", "resource": "pods", "subresource": "status"},
        ],
    }


def role_bindings() -> list[dict[str, Any]]:
    """The chart's roles, given to the personas."""
    agent = rbac.service_account(personas.AGENT_NAMESPACE, personas.AGENT_ACCOUNT)
    engineers = rbac.group("sre")
    granted = {
        "cutline-proposer": [agent, rbac.user("robot"), engineers],
        "cutline-approver": [engineers],
        "cutline-emergency": [engineers],
        "cutline-policy-author": [rbac.group("platform")],
        "cutline-viewer": [rbac.group("people")],
    }
    return [rbac.role_binding(f"testbed-{role}", role, subjects) for role, subjects in granted.items()]


def _refresh_ports(testbed: Testbed) -> None:
    """Other programs may have taken our ports while our processes were down."""
    remembered = testbed.state
    ours = {name: remembered.ports[name] for name in CUTLINE_PORTS}
    rest = {name: port for name, port in remembered.ports.items() if name not in ours}
    taken = state.ports_of_others(testbed.layout.folder.parent, testbed.name) | set(rest.values())
    ports = {**rest, **choose_ports(CUTLINE_PORTS, ours, taken)}
    state.save(testbed.layout.folder, State(remembered.options, ports))


def _chart_arguments(testbed: Testbed) -> list[str]:
    values = _write_values(testbed, values_for_testbed())
    url = f"https://{HOST}:{testbed.state.ports['webhook']}"
    settings = {"webhook.externalURL": url, "webhook.replicas": "0", "operator.replicas": "0"}
    # API servers on the same machine learn of a configuration at once.
    settings["certificates.announceFor"] = "5s"
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return [*sets, "-f", str(values)]


def _write_credentials(testbed: Testbed) -> None:
    for account in ACCOUNTS:
        testbed.token_kubeconfig(account_kubeconfig(testbed.layout, account), NAMESPACE, account)


def _write_config(testbed: Testbed) -> Path:
    """The very text that the processes would find mounted in a cluster."""
    found = testbed.api().get(CONFIG_MAP)
    text = ((found or {}).get("data") or {}).get(CONFIG_KEY)
    if not text:
        raise TestbedError(f"the chart left no ConfigMap cutline-config with the key {CONFIG_KEY}")
    path = config_file(testbed.layout)
    path.write_text(text)
    return path
