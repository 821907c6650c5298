"""Vocabularies: a text as symbol numbers, and back."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from jaxtyping import Int, UInt

_NEWLINE = 10
"""As a code point and as a byte."""


class Vocabulary(ABC):
    """The symbols of a text, numbered from 0."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many symbols there are."""

    @abstractmethod
    def units(self, text: str) -> UInt[np.ndarray, " N"]:
        """What the text consists of, before it is numbered: code points, or bytes."""

    @abstractmethod
    def number(self, units: UInt[np.ndarray, " N"]) -> UInt[np.ndarray, " N"]:
        """The symbols of units, in the smallest unsigned type that holds all of them."""

    @abstractmethod
    def decode(self, symbols: Int[np.ndarray, " N"]) -> str:
        """The text of symbols."""

    def encode(self, text: str) -> UInt[np.ndarray, " N"]:
        """The symbols of a text."""
        return self.number(self.units(text))


@dataclass(frozen=True)
class Characters(Vocabulary):
    """The characters of an alphabet; no others can be encoded."""

    alphabet: str
    """In order of their code points, each once."""

    @property
    def size(self) -> int:
        """See `Vocabulary.size`."""
        return len(self.alphabet)

    def units(self, text: str) -> UInt[np.ndarray, " N"]:
        """See `Vocabulary.units`."""
        return np.frombuffer(text.encode("utf-32-le"), np.uint32)

    def number(self, units: UInt[np.ndarray, " N"]) -> UInt[np.ndarray, " N"]:
        """See `Vocabulary.number`."""
        return cast(np.ndarray, self._numbers[units])

    def decode(self, symbols: Int[np.ndarray, " N"]) -> str:
        """See `Vocabulary.decode`."""
        return "".join(self.alphabet[symbol] for symbol in symbols.tolist())

    @cached_property
    def _numbers(self) -> UInt[np.ndarray, " highest+1"]:
        numbers = np.zeros(ord(self.alphabet[-1]) + 1, np.min_scalar_type(self.size - 1))
        numbers[self.units(self.alphabet)] = np.arange(self.size)
        return numbers


@dataclass(frozen=True)
class Bytes(Vocabulary):
    """All 256 bytes, of which UTF-8 text consists."""

    @property
    def size(self) -> int:
        """See `Vocabulary.size`."""
        return 256

    def units(self, text: str) -> UInt[np.ndarray, " N"]:
        """See `Vocabulary.units`."""
        return np.frombuffer(text.encode(), np.uint8)

    def number(self, units: UInt[np.ndarray, " N"]) -> UInt[np.ndarray, " N"]:
        """See `Vocabulary.number`."""
        return units

    def decode(self, symbols: Int[np.ndarray, " N"]) -> str:
        """See `Vocabulary.decode`. Bytes that are no UTF-8 become U+FFFD."""
        return bytes(symbols.tolist()).decode(errors="replace")


def paragraph_starts(units: UInt[np.ndarray, " N"]) -> Int[np.ndarray, " P"]:
    """Where the text begins, and every place after one or more blank lines."""
    is_newline = units == _NEWLINE
    after_blank = is_newline[1:-1] & is_newline[:-2] & ~is_newline[2:]
    return np.concatenate([[0], np.flatnonzero(after_blank) + 2])
