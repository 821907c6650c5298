"""How XLA is asked to make machine code for a CPU, where what it does by default was measured to be slower."""

import os
from functools import cache
from pathlib import Path

_LEVEL = "xla_backend_optimization_level"
_WIDTH = "xla_cpu_prefer_vector_width"
_REGIONS = "xla_cpu_copy_insertion_use_region_analysis"


def compiler_options(platform: str) -> dict[str, int | bool]:
    """Options for every program that trains or draws first states; what ``XLA_FLAGS`` has is left as it is.

    LLVM at its first level of optimisation instead of the third: programs compile faster, and those of small networks
    are faster, too (docs/explanation/performance.md). And vectors of 512 bits on AMD processors that have them, where
    XLA by default takes 256; on an Intel server the wider ones gained nothing. And a closer look at which arrays a loop
    may overwrite: by default, batched lanes have their parameters and moments copied at each update.
    """
    if platform != "cpu":
        return {}
    options: dict[str, int | bool] = {_LEVEL: 1, _REGIONS: True} | ({_WIDTH: 512} if _prefers_wide_vectors() else {})
    given = {flag.split("=")[0].removeprefix("--") for flag in os.environ.get("XLA_FLAGS", "").split()}
    return {name: value for name, value in options.items() if name not in given}


@cache
def _prefers_wide_vectors(about: Path = Path("/proc/cpuinfo")) -> bool:
    try:
        text = about.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "AuthenticAMD" in text and " avx512f " in text
