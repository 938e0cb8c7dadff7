"""The one object that a change is about."""

from dataclasses import dataclass

from cutline.domain.kind import Kind, kind_named
from cutline.domain.tree import JsonObject


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An object by group, kind, namespace, name and uid.

    The uid makes it that very object: after a delete and a create under the same
    name, nothing that was signed for the first holds for the second.
    """

    group: str
    kind: str
    namespace: str
    name: str
    uid: str

    def is_named_like(self, other: "Target") -> bool:
        """The same kind, namespace and name; by its uid it may be another object."""
        return (self.group, self.kind, self.namespace, self.name) == (
            other.group,
            other.kind,
            other.namespace,
            other.name,
        )

    @property
    def kind_row(self) -> Kind:
        return kind_named(self.group, self.kind)

    def as_tree(self) -> JsonObject:
        return {
            "group": self.group,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
        }

    def __str__(self) -> str:
        where = f" ({self.namespace})" if self.namespace else ""
        return f"{self.kind.lower()}/{self.name}{where}"


def target_of(kind: Kind, tree: JsonObject) -> Target:
    """The target that an object of `kind` is, by its own metadata."""
    metadata = tree.get("metadata") or {}
    return Target(
        group=kind.group,
        kind=kind.kind,
        namespace=metadata.get("namespace", "") if kind.namespaced else "",
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
    )
