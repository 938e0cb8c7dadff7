"""What can be wrong with what the domain is given, classed by whose fault it is."""


class CutlineError(Exception):
    """Base of every error that the domain raises on purpose."""


class BadObject(CutlineError):
    """An object's author wrote something that cannot be meant; names the field and the fix."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Unrecognised(CutlineError):
    """The API server sent something that the gate does not understand.

    Inside a gated scope this is an undecided verdict, and so a denial.
    """


class MissingFact(CutlineError):
    """A decision needs a fact about the world that the snapshot does not hold."""
