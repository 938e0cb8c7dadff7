"""Writes kubeconfig files that need nothing beside them: every credential is inside.

It refuses to touch a user's own kubeconfig; each identity gets a file of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from cutline_testbed.pki import Credential, write_private


def write_kubeconfig(
    path: Path, *, cluster: str, server: str, authority: bytes, user: str, login: Mapping[str, str]
) -> None:
    """`login` is what stands under the user's entry: see certificate_login and token_login."""
    context = f"{user}@{cluster}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": _base64(authority)},
            }
        ],
        "users": [{"name": user, "user": dict(login)}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": user, "namespace": "default"}}],
        "current-context": context,
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # JSON is YAML too, and leaves no doubt which of its words are numbers.
    write_private(path, json.dumps(document, indent=2).encode())


def certificate_login(credential: Credential) -> dict[str, str]:
    return {
        "client-certificate-data": _base64(credential.certificate),
        "client-key-data": _base64(credential.key),
    }


def token_login(token: str) -> dict[str, str]:
    return {"token": token}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
