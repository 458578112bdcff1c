"""A worker in a process of its own, led through its pipes: `python -m tests.worker URL` answers one line per request.

`run` looks for due jobs until there are none and answers `tried N`. A job of the kind `test.paused` answers `inside`
and waits for a line before it has its effect. `work` is the real worker command, until it is told to end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from engine import commands, db, jobs, scheduler
from tests import effects

ROOT = Path(__file__).parent.parent
PAUSED = "test.paused"


class Worker:
    """The test's end of the pipes."""

    def __init__(self, database: str, var: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.worker", database],
            cwd=ROOT, env={**os.environ, "BIHUAN_VAR": str(var)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.hears() == "ready"

    def says(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hears(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        if self._process.returncode is None:
            self._process.communicate(timeout=20)
        return self._process.returncode


def main(database: str) -> None:
    jobs.handlers.update({effects.KIND: leave, PAUSED: pause})
    db.open_database(database)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "work":
            sys.exit(commands.worker(Namespace(database=database)))
        print("tried", scheduler.tick(), flush=True)
    db.close_database()


def leave(session: Session, payload: Mapping[str, Any]) -> None:
    effects.leave(session, {"name": f"{payload['name']} by {os.getpid()}"})


def pause(session: Session, payload: Mapping[str, Any]) -> None:
    print("inside", flush=True)
    sys.stdin.readline()
    leave(session, payload)


if __name__ == "__main__":
    main(sys.argv[1])
