"""The diagrams: who is next, and when. Paths are relative to this folder, `phases/phase_plan.bpmn`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def paths() -> list[str]:
    """All shipped diagrams, sorted."""
    folder = Path(str(resources.files(__package__)))
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.bpmn"))


def read(path: str) -> bytes:
    """The diagram as it is shipped, for deployment."""
    return resources.files(__package__).joinpath(path).read_bytes()
