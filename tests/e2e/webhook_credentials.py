"""With which credentials an API server calls webhooks: a client certificate of an authority of its own."""

import base64
from pathlib import Path

import yaml

from tests.e2e.signers import Signer

CALLERS = Signer("callers")
_CREDENTIALS = {"client-certificate-data": "tls.crt", "client-key-data": "tls.key"}


def admission_configuration(folder: Path) -> Path:
    """What tells an API server with which credentials it calls webhooks."""
    pair = CALLERS.pair("kube-apiserver")
    encoded = {key: base64.b64encode(pair[name].encode()).decode() for key, name in _CREDENTIALS.items()}
    kubeconfig = folder / "webhooks.yaml"
    users = [{"name": "*", "user": encoded}]
    kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "users": users}))
    plugins = [
        {
            "name": name,
            "configuration": {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "WebhookAdmissionConfiguration",
                "kubeConfigFile": str(kubeconfig),
            },
        }
        for name in ("ValidatingAdmissionWebhook", "MutatingAdmissionWebhook")
    ]
    path = folder / "admission.yaml"
    tree = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins}
    path.write_text(yaml.safe_dump(tree))
    return path
