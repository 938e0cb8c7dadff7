"""What can go wrong in a benchmark other than being slow."""


class BenchError(Exception):
    """A measurement that would mean nothing: a wrong answer, a process that ended, a missing payload."""
