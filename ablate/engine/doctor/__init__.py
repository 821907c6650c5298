"""The checks of `ablate doctor` that know Ray, JAX and this machine. Importing this package imports neither."""

from .caches import check_cache
from .child import in_child
from .machine import check_machine
from .versions import check_versions

__all__ = ["check_cache", "check_machine", "check_versions", "in_child"]
