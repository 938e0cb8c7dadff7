"""Python as the image needs it: the interpreter and its standard library, less what no process here uses.

It refuses to pick module by module: whole parts that are for developing, for terminals or for
databases stay out, and everything else is kept, because what is imported late cannot be foreseen.
"""

from __future__ import annotations

import fnmatch
import os
import sys
import sysconfig
from collections.abc import Iterator

# Below the standard library's folder. Each is a folder, a module or an extension module.
LEFT_OUT = (
    # tests of Python itself, its examples and its easter eggs
    "test",
    "__phello__",
    "__hello__.py",
    "antigravity.py",
    "this.py",
    "lib-dynload/_test*",
    "lib-dynload/_ctypes_test*",
    "lib-dynload/_xxtest*",
    "lib-dynload/xx*",
    # installing, compiling and documenting Python code
    "site-packages",
    "dist-packages",
    "ensurepip",
    "venv",
    "distutils",
    "lib2to3",
    "pydoc_data",
    "config-*",
    "EXTERNALLY-MANAGED",
    "sitecustomize.py",
    # windows and terminals
    "idlelib",
    "tkinter",
    "turtle.py",
    "turtledemo",
    "curses",
    "lib-dynload/_tkinter*",
    "lib-dynload/_curses*",
    "lib-dynload/readline*",
    # databases
    "sqlite3",
    "dbm",
    "lib-dynload/_sqlite3*",
    "lib-dynload/_dbm*",
    "lib-dynload/_gdbm*",
    # compiled anew for the image
    "__pycache__",
)


def stdlib_folder() -> str:
    """Where the running interpreter keeps its standard library."""
    return sysconfig.get_path("stdlib")


def files() -> Iterator[str]:
    """The interpreter, under the name it is started by, and the files of its library."""
    yield sys.executable
    top = stdlib_folder()
    for folder, folders, names in os.walk(top):
        inside = os.path.relpath(folder, top)
        folders[:] = [name for name in folders if not left_out(os.path.normpath(os.path.join(inside, name)))]
        for name in names:
            if not left_out(os.path.normpath(os.path.join(inside, name))):
                yield os.path.join(folder, name)


def left_out(path: str) -> bool:
    """Whether a path below the standard library's folder has no place in an image."""
    return os.path.basename(path) == "__pycache__" or any(fnmatch.fnmatchcase(path, pattern) for pattern in LEFT_OUT)
