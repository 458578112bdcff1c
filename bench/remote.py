"""An object in a process of its own, so that it shares neither interpreter nor patched libraries with anybody else."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

PATIENCE = 600.0
"""Seconds after which an answer is not waited for any longer."""


class Remote:
    """Makes the object at once, then passes calls on; `begin` and `end` let several work at the same time."""

    def __init__(self, make: Callable[..., object], *arguments: Any) -> None:
        # A forked process would inherit what the engine has changed in SpiffWorkflow's classes.
        clean = multiprocessing.get_context("spawn")
        self._pipe, far = clean.Pipe()
        self._process = clean.Process(target=_work, args=(far, make, arguments), daemon=True)
        self._process.start()
        far.close()
        self.end()

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def call(self, name: str, *arguments: Any) -> Any:
        self.begin(name, *arguments)
        return self.end()

    def begin(self, name: str, *arguments: Any) -> None:
        self._pipe.send((name, arguments))

    def end(self) -> Any:
        if not self._pipe.poll(PATIENCE):
            raise TimeoutError("the other process does not answer")
        worked, answer = self._pipe.recv()
        if not worked:
            raise RuntimeError(answer)
        return answer


def _work(pipe: Connection, make: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    try:
        made = make(*arguments)
        pipe.send((True, None))
        while True:
            name, given = pipe.recv()
            pipe.send((True, getattr(made, name)(*given)))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return
    except Exception:
        pipe.send((False, traceback.format_exc()))
