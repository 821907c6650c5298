"""Language modelling: vocabularies, where windows start, and what is held out."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.core import GridError, to_identity
from ablate.systems import CORPORA, PROBLEMS, PROGRAMS, Texts, root
from ablate.systems.problems.char_lm import CharLM
from ablate.systems.problems.vocabularies import Bytes, Characters, paragraph_starts
from ablate.testing import conformance

PARAGRAPHS = "".join(f"{word} is number {index}.\n\n" for index, word in enumerate(["Öl", "Tee", "茶"] * 40))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(PARAGRAPHS, "utf-8")
    return path


def problem(file: Path, kind: str = "char_lm", **fields: Any) -> CharLM:
    corpus = {"kind": "file", "path": str(file)}
    parsed = PROBLEMS.parse({"kind": kind, "corpus": corpus, "context": 8, "batch": 16, **fields})
    assert isinstance(parsed, CharLM)
    return parsed


def texts_of(task: CharLM, split: str, rows: Any) -> list[str]:
    return [task.vocabulary().decode(np.asarray(row)) for row in np.asarray(rows).reshape(-1, task.context)]


# --- vocabularies -----------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_text_comes_back_from_its_symbols(text: str) -> None:
    for vocabulary in (Characters("".join(sorted(set(text)))), Bytes()):
        symbols = vocabulary.encode(text)
        assert vocabulary.decode(symbols) == text
        assert symbols.max() < vocabulary.size
    assert Bytes().encode(text).tobytes() == text.encode()


@pytest.mark.parametrize(("count", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_an_alphabet_may_be_large(count: int, dtype: type) -> None:
    alphabet = "".join(map(chr, range(0x4E00, 0x4E00 + count)))
    symbols = Characters(alphabet).encode(alphabet[::-1])
    assert symbols.dtype == dtype
    np.testing.assert_array_equal(symbols, np.arange(count)[::-1])


def test_bytes_in_the_middle_of_a_character_are_shown_as_such() -> None:
    assert Bytes().decode(Bytes().encode("Tee 茶")[:-1]) == "Tee \ufffd"


# --- windows ----------------------------------------------------------------------------------------------------


@given(st.text("ab\n"))
def test_paragraphs_start_at_the_beginning_and_after_blank_lines(text: str) -> None:
    expected = [0]
    for place in range(2, len(text)):
        if text[place - 2 : place] == "\n\n" and text[place] != "\n":
            expected.append(place)  # noqa: PERF401
    assert paragraph_starts(Bytes().units(text)).tolist() == expected


@pytest.mark.parametrize("kind", ["char_lm", "byte_lm"])
def test_windows_start_where_they_should(kind: str, file: Path) -> None:
    train = problem(file).corpus.texts().train
    for starts in ("anywhere", "paragraphs"):
        task = problem(file, kind, starts=starts)
        data = jax.tree.map(jnp.asarray, task.load())
        batches = [task.sample(data, jax.random.fold_in(root(0), step)) for step in range(30)]
        windows = [text for batch in batches for text in texts_of(task, "train", batch.inputs)]
        at_start = [text.startswith(("Öl is", "Tee is", "茶 is")) for text in windows]
        assert all(at_start) == (starts == "paragraphs")
        assert len(set(windows)) > (2 if starts == "paragraphs" else 100)
        if kind == "char_lm":
            assert all(window in train for window in windows)
        for batch in batches[:3]:
            np.testing.assert_array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])


def test_the_last_window_fits_its_split(tmp_path: Path) -> None:
    path = tmp_path / "end.txt"
    path.write_text("a" * 40 + "\n\n" + "b" * 40 + "\n\n" + "c" * 16)  # 90 of 100 characters are for training
    for context, expected in ((5, [0, 42, 84]), (6, [0, 42])):
        task = problem(path, starts="paragraphs", context=context)
        data = task.load()
        assert data.starts is not None
        assert data.starts.tolist() == expected
        assert len(data.train) - data.starts[-1] > context


@pytest.mark.parametrize("kind", ["char_lm", "byte_lm"])
@pytest.mark.parametrize("starts", ["anywhere", "paragraphs"])
def test_validation_windows_are_held_out_and_the_same_for_every_way_to_train(
    kind: str, starts: str, tmp_path: Path
) -> None:
    @CORPORA.register("test_halves")
    class Halves(type(CORPORA.parse("pydoc"))):  # type: ignore[misc]
        """Small letters to train on, capitals to validate on."""

        def texts(self) -> Texts:
            return Texts("abcd efgh\n\n" * 20, "ABCD EFGH\n\n" * 20)

    try:
        fields = {"context": 8, "validation_windows": 32}
        task = PROBLEMS.parse({"kind": kind, "corpus": "test_halves", "starts": starts, **fields})
        other = PROBLEMS.parse({"kind": kind, "corpus": "test_halves", **fields})
        assert isinstance(task, CharLM)
        data = jax.tree.map(jnp.asarray, task.load())
        trained = "".join(texts_of(task, "train", task.sample(data, root(0)).inputs))
        judged = "".join(texts_of(task, "validation", task.validation(data).inputs))
        assert trained.lower() == trained
        assert judged.upper() == judged
        np.testing.assert_array_equal(task.validation(data).inputs, other.validation(other.load()).inputs)
    finally:
        del CORPORA._members["test_halves"]


# --- texts of the user's ----------------------------------------------------------------------------------------


def test_the_identity_of_a_text_is_its_content(file: Path, tmp_path: Path) -> None:
    moved, edited = tmp_path / "moved.txt", tmp_path / "edited.txt"
    moved.write_text(PARAGRAPHS, "utf-8")
    edited.write_text(PARAGRAPHS + "!", "utf-8")
    one, same, other = (to_identity(problem(path)) for path in (file, moved, edited))
    assert one == same != other
    assert str(tmp_path) not in str(one)
    assert to_identity(problem(file, "byte_lm")) != one
    assert to_identity(problem(file, starts="paragraphs"))["starts"] == "paragraphs"
    assert "starts" not in one


def test_a_split_that_is_shorter_than_a_window_is_refused_in_its_own_unit(file: Path) -> None:
    letters, units = (len(problem(file, kind).load().validation) for kind in ("char_lm", "byte_lm"))
    assert letters < units
    assert problem(file, "byte_lm", context=letters).load()
    with pytest.raises(GridError, match=rf"a split of the corpus has {letters} characters, too few"):
        problem(file, context=letters).load()
    with pytest.raises(GridError, match=rf"a split of the corpus has {units} bytes, too few"):
        problem(file, "byte_lm", context=units).load()


@pytest.mark.parametrize(
    "model", [{"kind": "tdln", "size": 256, "scan": "sequential"}, {"kind": "gpt", "layers": 1}], ids=str
)
def test_models_learn_bytes(model: Any, file: Path) -> None:
    task = problem(file, "byte_lm", starts="paragraphs", validation_windows=16)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        conformance.check_program(
            PROGRAMS.parse({"kind": "supervised", "problem": task, "model": model, "optimizer": "sgd"})
        )
