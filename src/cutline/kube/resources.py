"""The resources we talk about, and how one is addressed in a URL.

A reference names one version on purpose: what a request means is only known for the version it was
written against.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from cutline.kube.errors import NO_ANSWER, Invalid

JsonObject: TypeAlias = dict[str, Any]
"""An object as it is on the wire. What is decided with is made of it by `cutline.api` and the domain."""


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """One resource of the API: where its collection lives."""

    group: str
    version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, of one object, or of an object's subresource.

        An empty namespace counts as none. Raises `Invalid` for what cannot be addressed: a name that
        is no path segment, a namespace for a cluster-scoped resource, one object without its
        namespace.
        """
        segments = ["api", self.version] if self.group == "" else ["apis", self.group, self.version]
        if namespace:
            if not self.namespaced:
                raise _invalid(f"{self.plural} are cluster-scoped, yet a namespace was given")
            segments += ["namespaces", _segment(namespace)]
        elif self.namespaced and name is not None:
            raise _invalid(f"{self.plural} are namespaced, yet no namespace was given")
        segments.append(self.plural)
        if name is not None:
            segments.append(_segment(name))
        if subresource is not None:
            # Only pods/proxy and the like have deeper ones, and we use none of those.
            segments.append(_segment(subresource))
        return "/" + "/".join(segments)


def _segment(name: str) -> str:
    """`name` as one path segment.

    Quoting is not enough: the API server routes by the *decoded* path, so that `web%2Fscale` is the
    scale of web there. It refuses the same names itself (apimachinery, IsValidPathSegmentName).
    """
    if name in {"", ".", ".."} or "/" in name or "%" in name:
        raise _invalid(f"{name!r} cannot be the name of an object")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as error:
        # A lone surrogate, which JSON can carry and a URL cannot.
        raise _invalid(f"{name!r} cannot be the name of an object") from error


def _invalid(message: str) -> Invalid:
    return Invalid(NO_ANSWER, "Invalid", message)


DEPLOYMENTS: Final = ResourceRef("apps", "v1", "deployments", namespaced=True)
REPLICASETS: Final = ResourceRef("apps", "v1", "replicasets", namespaced=True)
CONTROLLERREVISIONS: Final = ResourceRef("apps", "v1", "controllerrevisions", namespaced=True)
PODS: Final = ResourceRef("", "v1", "pods", namespaced=True)
NODES: Final = ResourceRef("", "v1", "nodes", namespaced=False)
NAMESPACES: Final = ResourceRef("", "v1", "namespaces", namespaced=False)
SECRETS: Final = ResourceRef("", "v1", "secrets", namespaced=True)
CONFIGMAPS: Final = ResourceRef("", "v1", "configmaps", namespaced=True)
ENDPOINT_SLICES: Final = ResourceRef("discovery.k8s.io", "v1", "endpointslices", namespaced=True)
EVENTS: Final = ResourceRef("events.k8s.io", "v1", "events", namespaced=True)
HPAS: Final = ResourceRef("autoscaling", "v2", "horizontalpodautoscalers", namespaced=True)
CLUSTERROLES: Final = ResourceRef("rbac.authorization.k8s.io", "v1", "clusterroles", namespaced=False)
CRDS: Final = ResourceRef("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
VALIDATING_CONFIGS: Final = ResourceRef(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", namespaced=False
)
MUTATING_CONFIGS: Final = ResourceRef(
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", namespaced=False
)
SUBJECT_ACCESS_REVIEWS: Final = ResourceRef("authorization.k8s.io", "v1", "subjectaccessreviews", namespaced=False)
SELF_SUBJECT_REVIEWS: Final = ResourceRef("authentication.k8s.io", "v1", "selfsubjectreviews", namespaced=False)

PROPOSALS: Final = ResourceRef("cutline.dev", "v1alpha1", "remediationproposals", namespaced=True)
SIGNOFFS: Final = ResourceRef("cutline.dev", "v1alpha1", "signoffs", namespaced=True)
ADMITTED_CHANGES: Final = ResourceRef("cutline.dev", "v1alpha1", "admittedchanges", namespaced=True)
POLICIES: Final = ResourceRef("cutline.dev", "v1alpha1", "reversibilitypolicies", namespaced=False)
