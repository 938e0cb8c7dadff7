"""The one exception this package raises for a person to read.

Its text says what went wrong and, where we know it, what to do next. It refuses to wrap
programming errors: those keep their tracebacks.
"""

from __future__ import annotations


class TestbedError(Exception):
    """Something outside our code (a program, a port, a missing tool) is not as needed."""

    # Pytest would otherwise try to collect a class of this name.
    __test__ = False
