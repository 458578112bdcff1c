"""A node: the real worker command in a process of its own, on a machine whose clock the test sets.

`python -m tests.failures.node URL` reads lines: `machine SECONDS` sets how far the machine's clock is off, `go` lets a
job of the kind `drill.paused` go on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from threading import Event, Thread
from typing import Any

from apscheduler.schedulers import base
from sqlalchemy.orm import Session

from engine import clock, commands, jobs
from tests import effects
from tests.failures import office as offices

ROOT = Path(__file__).parent.parent.parent
EFFECT, PAUSED = "drill.effect", "drill.paused"
PATIENCE = 60
"""Seconds after which what is due must be done."""


class Machine:
    """Takes the place of `datetime` where the machine's clock is asked."""

    offset = timedelta(0)

    def now(self, zone: tzinfo | None = None) -> datetime:
        return datetime.now(zone) + self.offset


class Node:
    """The test's end of the pipes."""

    def __init__(self, database: str, var: Path, *, zone: str = "UTC") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.failures.node", database],
            cwd=ROOT, env={**os.environ, "BIHUAN_VAR": str(var), "TZ": zone}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.heard: list[str] = []
        self._reader = Thread(target=self._listen, daemon=True)
        self._reader.start()

    def is_inside(self) -> bool:
        """Whether it stands in a job that waits for a word."""
        return self.heard[-1:] == ["inside"]

    def says(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        self.heard.extend(line.strip() for line in self.process.stdout)


def main(database: str) -> None:
    machine, going_on = Machine(), Event()
    clock.of_the_machine = lambda: machine.now(UTC)
    vars(base)["datetime"] = machine

    def pause(session: Session, payload: Mapping[str, Any]) -> None:
        print("inside", flush=True)
        going_on.wait()
        going_on.clear()
        print("outside", flush=True)
        leave(session, payload)

    def obey() -> None:
        for line in sys.stdin:
            word, *number = line.split()
            if word == "go":
                going_on.set()
            else:
                machine.offset = timedelta(seconds=float(number[0]))
                print(line.strip(), flush=True)

    offices.assemble(None)
    jobs.handlers.update({EFFECT: leave, PAUSED: pause})
    Thread(target=obey, daemon=True).start()
    sys.exit(commands.worker(Namespace(database=database)))


def leave(session: Session, payload: Mapping[str, Any]) -> None:
    effects.leave(session, {"name": f"{payload['name']} at {clock.now().isoformat()}"})


if __name__ == "__main__":
    main(sys.argv[1])
