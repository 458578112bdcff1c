"""The deployment check: everything in a set of diagrams that would not be run as drawn, each with its element and a reason.

`table` says what may stand where, and is what to read and to change first. `check` walks the files along it, `events`,
`flows` and `references` hold each element to what it says, `graph` tells what follows from how the nodes are connected.
All of them read the files as they were uploaded.
"""

from engine.deployment_check.check import findings
from engine.deployment_check.elements import Known, Process, processes

__all__ = ["Known", "Process", "findings", "processes"]
