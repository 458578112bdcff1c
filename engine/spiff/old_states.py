"""States stored before version 2, which kept SpiffWorkflow's whole tree with its look-ahead: read, never written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.spiff.definition import Definition


def read(stored: dict[str, Any], definition: Definition) -> dict[str, Any]:
    """Version 1 as version 2."""
    raise NotImplementedError
