"""A real server in a process of its own, for tests that kill it or speak to it through a foreign client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from threading import Event, Thread

from tests.driver import PASSWORD

ROOT = Path(__file__).parent.parent
START = "import sys; import run; run.perform(run.parse(sys.argv[1:]))"


class Server:
    """Serves one database on a free port until `stop` or `kill`."""

    def __init__(self, database: str, var: Path, *, worker: bool = True, port: int = 0) -> None:
        self.port = port or free_port()
        words = ["serve", "--database", database, "--port", str(self.port), *([] if worker else ["--no-worker"])]
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", START, *words],
            cwd=ROOT, env={**os.environ, "BIHUAN_VAR": str(var), "DEMO_PASSWORD": PASSWORD}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.log: list[str] = []
        self._serves = Event()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_until_it_serves()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        """A test that fails leaves no server behind."""
        if self._process.poll() is None:
            self.kill()

    def kill(self) -> None:
        """As the power cut does it: no handler runs."""
        self._process.kill()
        self._process.wait(timeout=10)
        self._close()

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(timeout=20)
        self._close()
        return code

    def _read(self) -> None:
        """Keep what the server says; one that nobody listens to stands still when the pipe is full."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.log.append(line)
            if "Ctrl-C" in line:
                self._serves.set()
        self._serves.set()

    def _wait_until_it_serves(self) -> None:
        assert self._serves.wait(60), "".join(self.log)
        assert self._process.poll() is None, "".join(self.log)
        with urllib.request.urlopen(f"{self.address}/readyz", timeout=10) as answer:
            assert answer.status == 200

    def _close(self) -> None:
        self._reader.join(timeout=10)
        if self._process.stdout:
            self._process.stdout.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
