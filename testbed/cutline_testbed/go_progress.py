"""Reads what Go prints while it downloads and compiles, and says how far it is.

Pure: lines in, a sentence and a fraction out. It refuses to guess a total; it is told one.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class DownloadProgress:
    """Counts modules as Go announces them; `modules` is how many go.mod names."""

    modules: int
    started: int = 0
    latest: str = ""

    def take(self, line: str) -> bool:
        """True if the line was about a download."""
        if not line.startswith("go: downloading "):
            return False
        self.started += 1
        self.latest = line.removeprefix("go: downloading ")
        return True

    def describe(self) -> tuple[str, float | None]:
        if self.started == 0:
            return "looking which Go modules are needed", None
        # Go fetches only those that the programs import, so the total is an upper bound.
        text = f"downloading Go modules: {self.started} of at most {self.modules}, latest {self.latest}"
        return text, min(1.0, self.started / max(1, self.modules))


@dataclass(slots=True)
class CompileProgress:
    """Counts packages as `go install -v` names them, then programs as they appear."""

    packages: frozenset[str]
    programs: int
    compiled: set[str] = field(default_factory=set)
    linked: int = 0
    latest: str = ""

    def take(self, line: str) -> bool:
        """True if the line named a package that is being compiled."""
        name = line.strip()
        if name not in self.packages:
            return False
        self.compiled.add(name)
        self.latest = name
        return True

    def describe(self) -> tuple[str, float | None]:
        total = len(self.packages)
        done = len(self.compiled)
        # Packages in Go's own cache are not named again: what is left is an upper bound.
        text = f"compiled {done} of at most {total} packages"
        if self.linked:
            text += f", linked {self.linked} of {self.programs} programs"
        if self.latest:
            text += f", at {self.latest}"
        return text, self._fraction(done, total)

    def _fraction(self, done: int, total: int) -> float:
        # Linking starts when the compiling for a program is over, so it dominates once it shows.
        return max(done / max(1, total) * 0.9, self.linked / max(1, self.programs))


def count_required(go_mod: str) -> int:
    """How many modules a go.mod requires."""
    count = 0
    inside = False
    for line in go_mod.splitlines():
        stripped = line.strip()
        if stripped == "require (":
            inside = True
        elif stripped == ")":
            inside = False
        elif stripped.startswith("require ") or (inside and stripped and not stripped.startswith("//")):
            count += 1
    return count
