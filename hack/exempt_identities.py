"""Writes docs/reference/exempt-identities.md from the table that the gate uses; `--check` compares."""

import sys
from pathlib import Path

from cutline.domain.exempt import BUILT_IN, ExemptIdentity

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "exempt-identities.md"
_HEAD = """\
# Exempt identities

Kubernetes' own controllers carry out what people ordered; the gate judges the order, not the carrying out. Each row
is one exact user name doing one thing to one resource, with what would break without it. All of them must show a
credential id (`authentication.kubernetes.io/credential-id`), which plain impersonation does not have, and the
controllers also the group of their service accounts. The API server applies the rows itself, as match conditions,
so that these requests never wait for the webhook; the webhook applies them again. None of these identities can
propose, sign, or use a proposal.

A kubelet deletes the pods of its own node (`system:node:` and the pod's node name, in the group `system:nodes`),
reports that they have ended and how its node is, and keeps the labels of its own Node through its status. No credential
id is demanded of kubelets: some clusters' authenticators give them none. Whatever plays a kubelet under another name (a
virtual one with a service account, say) needs rows for `DELETE pods` and `UPDATE pods` with the subresource `status`.

An installation adds rows with the chart's `exempt`, for an autoscaler's service account, say. Where the controller
manager runs without accounts of its own (`--use-service-account-credentials=false`), none of these rows fits it,
and rolling updates in gated namespaces stop: turn that on before you install Cutline.

| user | may | without it |
|---|---|---|
"""


def _row(identity: ExemptIdentity) -> str:
    resource = f"{identity.resource}/{identity.subresource}" if identity.subresource else identity.resource
    only = ", `spec` left as it is" if identity.metadata_only else ""
    return f"| `{identity.username}` | {identity.operation.value} {resource}{only} | {identity.why} |\n"


def main() -> int:
    """Write the page; with `--check` answer 1 if it is not what would be written."""
    page = _HEAD + "".join(_row(identity) for identity in BUILT_IN)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page)
        return 0
    if PAGE.read_text() == page:
        return 0
    print(f"{PAGE.name} is not up to date; run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
