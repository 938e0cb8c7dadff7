"""`make demo`: bring up a control plane with Cutline, play the story, take it down again."""

import argparse
import sys
import time

from cutline_testbed import Testbed, TestbedError, install
from cutline_testbed.interrupts import end_on_signals, undisturbed
from demo.scenes import NAMESPACE, SCENES
from demo.stage import Stage, UntrueStory
from demo.transcript import record

_WORKLOAD = ("deployment", "checkout", "-n", NAMESPACE)
_NAMESPACE = f"""\
apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}, labels: {{cutline.dev/line: production}}}}
"""


def _furnish(stage: Stage) -> None:
    """A shop with two revisions behind it, and a disruption budget."""
    print("a shop is built: namespace, deployment in two revisions, disruption budget", flush=True)
    stage.prepare("kubectl", "apply", "-f", "-", stdin=_NAMESPACE)
    stage.prepare("kubectl", "create", *_WORKLOAD, "--image=checkout:v1", "--replicas=6")
    stage.prepare("kubectl", "rollout", "status", "deployment/checkout", "-n", NAMESPACE, "--timeout=60s")
    stage.prepare("kubectl", "set", "image", "deployment/checkout", "checkout=checkout:v2", "-n", NAMESPACE)
    stage.prepare("kubectl", "rollout", "status", "deployment/checkout", "-n", NAMESPACE, "--timeout=60s")
    stage.prepare(
        "kubectl", "create", "pdb", "checkout", "-n", NAMESPACE, "--selector=app=checkout", "--min-available=4"
    )


def _play(testbed: Testbed) -> str:
    started = time.monotonic()
    testbed.clean()
    testbed.start()
    install(testbed)
    stage = Stage(testbed)
    _furnish(stage)
    shown = "".join(stage.play(scene) for scene in SCENES)
    print(f"\nDone in {time.monotonic() - started:.0f}s. `make testbed` leaves one running for you to try.")
    return shown


def main() -> int:
    """Play it; 1 if the story is not true, and nothing is left running either way."""
    parser = argparse.ArgumentParser(prog="demo", description="Cutline's main job as a story.")
    parser.add_argument("--name", default="demo", help="the testbed to play it on (made new, and removed)")
    parser.add_argument("--record", action="store_true", help="put the beginning of the story into README.md")
    arguments = parser.parse_args()
    end_on_signals()
    testbed = Testbed(arguments.name)
    try:
        shown = _play(testbed)
        if arguments.record:
            record(shown)
    except (UntrueStory, TestbedError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130
    finally:
        with undisturbed():
            testbed.clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
