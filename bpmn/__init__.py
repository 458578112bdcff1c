"""The diagrams and decision tables: who is next, and when. Paths are relative to this folder, `phases/phase_plan.bpmn`."""

from __future__ import annotations

from hashlib import sha256
from importlib import resources
from pathlib import Path


def paths() -> list[str]:
    """All that is shipped: diagrams, then decision tables."""
    return [*diagrams(), *_files("dmn")]


def diagrams() -> list[str]:
    return _files("bpmn")


def read(path: str) -> bytes:
    """The file as it is shipped, for deployment."""
    return resources.files(__package__).joinpath(path).read_bytes()


def fingerprint() -> str:
    """Of everything that is shipped."""
    digest = sha256()
    for path in paths():
        digest.update(path.encode() + b"\0" + read(path) + b"\0")
    return digest.hexdigest()


def _files(ending: str) -> list[str]:
    folder = Path(str(resources.files(__package__)))
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob(f"*.{ending}"))
