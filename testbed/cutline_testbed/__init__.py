"""A real Kubernetes control plane on one machine, without containers, for demos and tests.

It refuses to know anything of Cutline's code: it installs Cutline the way users do.
"""

from cutline_testbed.cutline_pods import CutlinePods
from cutline_testbed.cutline_processes import CutlineProcesses
from cutline_testbed.errors import TestbedError
from cutline_testbed.install import install
from cutline_testbed.state import Options
from cutline_testbed.testbed import Testbed

__all__ = ["CutlinePods", "CutlineProcesses", "Options", "Testbed", "TestbedError", "install"]
