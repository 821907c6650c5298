"""Checkpoints: the lanes of a pack in one safetensors file, readable run by run, verified on read. No pickle."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy import ndarray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ablate.core import StoreError
from ablate.store import replacing

from .lanes import Lanes

NDArray = ndarray[Any, Any]


def to_host(lanes: Lanes) -> Lanes:
    """The lanes as numpy arrays, random keys as their integers. Waits for the devices."""
    return cast(Lanes, jax.tree.map(_to_host, lanes))


def from_host(host: Lanes, like: Lanes) -> Lanes:
    """The inverse of `to_host`; `like` says which leaves are random keys."""

    def wrap(array: Array, shape: Array) -> Array:
        return jax.random.wrap_key_data(jnp.asarray(array), impl="threefry2x32") if _is_key(shape) else array

    return cast(Lanes, jax.tree.map(wrap, host, like))


def save(path: Path, lanes: Lanes, rows: Mapping[str, int]) -> None:
    """Write some lanes. Waits for the devices.

    Args:
        path: the file.
        lanes: on the devices, or as `to_host` gives them.
        rows: run id -> index of its lane.

    Raises:
        StoreError: the folder cannot be written.
    """
    chosen = list(rows.values())
    arrays = {name: _of_lanes(_to_host(leaf), chosen) for name, leaf in _named(lanes)}
    checksums = {f"crc32 {name}": _checksum(array) for name, array in arrays.items()}
    with replacing(path) as temporary:
        try:
            save_file(arrays, temporary, {"runs": json.dumps(list(rows)), **checksums})
        except SafetensorError as error:  # a full disk, say
            raise OSError(str(error)) from error


def load(path: Path, run_id: str, like: Lanes) -> Lanes:
    """One run's lane on the host, without the lane axis.

    Args:
        path: a file that `save` wrote.
        run_id: which of its runs.
        like: shapes of lanes of that run's signature, as `to_host` gives them, at any width.

    Raises:
        StoreError: the file is torn, damaged, or of another program.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            row = json.loads(metadata["runs"]).index(run_id)
            leaves = [_verified(file.get_tensor(name), name, metadata, shape)[row] for name, shape in _named(like)]
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        message = f"{path}: cannot be read ({error}); an older state is used if there is one"
        raise StoreError(message) from error
    return cast(Lanes, jax.tree.unflatten(jax.tree.structure(like), leaves))


def verify(path: Path) -> None:
    """Read a whole file that `save` wrote.

    Raises:
        StoreError: it is torn or damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            for name in file.keys():  # noqa: SIM118 (it is no mapping)
                array = file.get_tensor(name)
                _verified(array, name, metadata, array)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: cannot be read ({error})"
        raise StoreError(message) from error


def _verified(array: NDArray, name: str, metadata: Mapping[str, str], shape: Array) -> NDArray:
    if _checksum(array) != metadata[f"crc32 {name}"]:
        message = f"{name} is damaged"
        raise ValueError(message)
    if array.shape[1:] != shape.shape[1:]:
        message = f"{name} has the shape of another program"
        raise ValueError(message)
    return array


def _to_host(leaf: Array) -> NDArray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _named(lanes: Lanes) -> list[tuple[str, Array]]:
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(lanes)]


def _of_lanes(leaf: NDArray, chosen: list[int]) -> NDArray:
    everything = chosen == list(range(len(leaf)))
    return np.ascontiguousarray(leaf if everything else leaf[chosen])


def _is_key(leaf: Array) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _checksum(array: NDArray) -> str:
    """It is there for torn and damaged files, not for forged ones: a digest for those takes several times as long."""
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return f"{zlib.crc32(content):08x}"
