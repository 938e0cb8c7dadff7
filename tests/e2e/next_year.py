"""`python -m tests.e2e.next_year CONFIG`: the operator's care for proposals and records, as it will be in a year.

Nothing of the operator is replaced; it is given another clock. By that, every record has had its time and is
removed, where no webhook guards it. KUBECONFIG says as whom.
"""

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

from cutline.api.settings import InstallationSettings, load_settings
from cutline.kube.client import KubeClient
from cutline.process.clock import utc_now
from cutline_operator import logs
from cutline_operator.events import EventRecorder
from cutline_operator.index import Index
from cutline_operator.metrics import Metrics
from cutline_operator.sweep import Sweep
from cutline_operator.watching import Watching
from cutline_operator.worker import Worker


def in_a_year() -> datetime:
    return utc_now() + timedelta(days=365)


async def run(settings: InstallationSettings) -> None:
    index, metrics = Index(), Metrics()
    async with await KubeClient.connect(user_agent="cutline-operator") as client:
        recorder = EventRecorder(client, in_a_year)
        worker = Worker(client, settings, index, recorder, metrics, in_a_year)
        await Watching(client, settings.namespace, index, Sweep(worker.do, metrics, in_a_year)).run()


if __name__ == "__main__":
    logs.configure()
    asyncio.run(run(load_settings(Path(sys.argv[1]).read_text())))
