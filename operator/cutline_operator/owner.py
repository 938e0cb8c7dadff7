"""The object of the release that everything the operator makes goes away with.

It is cluster-scoped, as what owns the webhook configurations must be. The garbage collector
removes what it owns after an uninstall, with nobody of ours left to do it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """The owning object, by the uid that it has now."""

    api_version: str
    kind: str
    name: str
    uid: str

    @property
    def reference(self) -> Mapping[str, Any]:
        """The entry for `metadata.ownerReferences` of what it owns."""
        return {"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid}
