"""The peers, one per file. Each is a process of its own: ``python -m benchmarks.peers.NAME TASK.json``."""

from .peer import PEERS, Peer

__all__ = ["PEERS", "Peer"]
