"""What can be changed about the char-GPT: its fields, and which of them fit together."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ablate.core import Added, Lane, Problem, Start, did_you_mean, refuse, to_identity
from ablate.systems.activations import ACTIVATIONS, Activation, Gelu
from ablate.systems.inits import INITS, GlorotNormal, Init

from .attention import ATTENTIONS, Attention, Masked
from .base import Model
from .dln import DLN, DLNS, NoDLN
from .mlp_block import MLP_BLOCKS, MLPBlock, Plain
from .norms import NORMS, HeadNorm, NoNorm, Norm, RMSNorm
from .positions import POSITIONS, Learned, Position, Rope

_MATRICES = ("qkv", "out", "position", "unembedding", "dln")
_ONCE_TEXT = ({"kind": "learned", "version": 1, "scale": 1}, {"kind": "none", "version": 1})


class GPTFields(Model):
    """The fields of `GPT`; the computation is in ``gpt.py``."""

    layers: Annotated[int, Field(ge=1)] = 2
    """Blocks."""
    width: Annotated[int, Field(gt=0)] = 64
    """Length D of the residual stream."""
    heads: Annotated[int, Field(gt=0)] = 4
    """Attention heads; must divide the width, unless `head_width` is given."""
    head_width: Annotated[int | None, Field(gt=0), Added()] = None
    """Numbers d of each head; in journal A's first models as many as D. Nothing: D / heads."""
    attention_free: Annotated[list[int], Added()] = Field([])
    """Blocks, counted from 0, that have no attention, only an MLP."""
    mlp_ratio: Annotated[int, Field(gt=0)] = 4
    """Width of the MLP's hidden layer, in units of D."""
    mlp: Annotated[MLPBlock, MLP_BLOCKS, Added()] = Plain()
    """The MLP of each block."""
    activation: Annotated[Activation, ACTIVATIONS] = Gelu()
    """After the MLP's up-projection, or on its gate."""
    norm: Annotated[Norm, NORMS, Added()] = RMSNorm()
    """Before attention and before the MLP of each block."""
    final_norm: Annotated[Norm, NORMS, Added()] = NoNorm()
    """Before the unembedding."""
    embedding_norm: Annotated[Norm, NORMS, Added()] = NoNorm()
    """After every input embedding, before positions are added."""
    position: Annotated[Position, POSITIONS] = Learned()
    """How positions are told apart."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the attention weights and of both branch outputs that is zeroed while training."""
    precision: Annotated[Literal["float32", "bfloat16"], Added()] = "float32"
    """Of the matrices and the residual stream while computing. Parameters, norms, softmax and logits are float32."""

    attention: Annotated[Attention, ATTENTIONS, Added()] = Masked()
    """How attention is computed."""
    history: Annotated[int | None, Lane(), Field(ge=1), Added()] = None
    """Positions that attention sees, the own one included: 1 is the own one only. Nothing: all that are past."""
    qk_norm: HeadNorm = "per_head"
    """LayerNorm of each query and key over the head's width, without parameters or with a trained weight (one for all
    heads); or over all queries, and all keys, of an example at once, an early bug that sees the future."""
    score_norm: Annotated[Literal["head", "width"], Added()] = "head"
    """Scores are divided by the square root of the head's width d, or of D, another early bug."""
    score_scale: Annotated[float | None, Lane(), Added()] = None
    """Multiplies the scores, instead of that division. Nothing: divided as `score_norm` says."""
    dln: Annotated[DLN, DLNS, Added()] = NoDLN()
    """A recurrent memory that attention reads beside the residual stream."""
    extra_embeddings: Annotated[int | None, Field(ge=0), Added()] = None
    """Input embeddings besides the first. With a number, each block starts from a trained mixture of the residual
    stream, the first embedding and these, weights 1, 0, 0, ... at first. Nothing: no mixture at all."""
    value_embeddings: Annotated[list[int], Added()] = Field([])
    """Blocks, counted from 0, in which the values of attention are mixed, half and half at first, with an embedding of
    the symbol of their own, drawn from N(0, 1)."""
    skips: Annotated[list[Annotated[list[int], Field(min_length=2, max_length=2)]], Added()] = Field([])
    """Pairs [i, j] of blocks: what block i returns is added to what block j reads, times a trained weight that starts
    at 1."""

    matrices: Annotated[Init, INITS, Start()] = GlorotNormal()
    """Initialisation of every matrix of the blocks; the scales below multiply it."""
    inits: Annotated[dict[str, Annotated[Init, INITS]], Added(), Start()] = Field({})
    """Initialisation of single matrices, in place of `matrices`, by name: qkv, out, up, down, gate, dln, position,
    unembedding."""
    qkv: Annotated[Literal["split", "merged"], Added(), Start()] = "split"
    """Queries, keys and values are drawn as three matrices of [D, D], or as one of [D, 3 D], which differs where the
    initialisation depends on the fan-out. They are stored and multiplied as one."""
    qkv_scale: Annotated[float, Lane(), Added(), Start()] = 1.0
    """Multiplies the initial query, key and value matrices."""
    qk_scale: Annotated[float, Lane(), Start()] = 1.0
    """Multiplies the initial query and key matrices."""
    q_scale: Annotated[float, Lane(), Added(), Start()] = 1.0
    """Multiplies the initial query matrix."""
    k_scale: Annotated[float, Lane(), Added(), Start()] = 1.0
    """Multiplies the initial key matrix."""
    v_scale: Annotated[float, Lane(), Start()] = 1.0
    """Multiplies the initial value matrix."""
    embedding_scale: Annotated[float, Lane(), Start()] = 1.0
    """Standard deviation of the initial input embeddings, in units of 1/sqrt(D)."""
    output: Annotated[Literal["transposed", "fresh", "tied"], Added()] = "transposed"
    """The unembedding: starts as the transposed embedding, or is drawn like the matrices, or is the embedding."""
    output_scale: Annotated[float, Lane(), Added(), Start()] = 1.0
    """Multiplies the initial unembedding, unless that is the embedding."""
    logit_cap: Annotated[float | None, Lane(), Field(gt=0), Added()] = None
    """Bound c of the logits: z becomes c z / sqrt(z**2 + c**2). Nothing: no bound."""

    @property
    def head_size(self) -> int:
        """Numbers d of each head."""
        return self.width // self.heads if self.head_width is None else self.head_width

    def skips_into(self, block: int) -> tuple[int, ...]:
        """Blocks whose output is added to what this one reads."""
        return tuple(start for start, end in self.skips if end == block)

    def identity_fields(self) -> dict[str, Any]:
        """See `Spec.identity_fields`. Two positions were plain text at first, and keep the identity of that time."""
        text = {"position": self.position.kind} if to_identity(self.position) in _ONCE_TEXT else {}
        return super().identity_fields() | text

    @model_validator(mode="after")
    def _parts_fit(self) -> "GPTFields":
        problems = tuple(self._misfits())
        if problems:
            raise refuse(*problems)
        return self

    def _misfits(self) -> Iterator[Problem]:
        if self.head_width is None and self.width % self.heads:
            yield Problem(f"heads: {self.heads} does not divide width: {self.width}", "bad-value", "heads")
        elif isinstance(self.position, Rope) and self.head_size % 2:
            yield Problem("rope turns pairs of numbers, but a head has an odd number of them", "bad-value", "heads")
        refused = self.attention.refuses(self.history)
        if refused:
            yield Problem(refused, "bad-value", "attention")
        known = (*_MATRICES, *self.mlp.names)
        for name in sorted(self.inits.keys() - set(known)):
            yield Problem(f"no matrix is called {name!r}; {did_you_mean(name, known)}", "unknown-key", f"inits.{name}")
        for field in ("value_embeddings", "attention_free"):
            blocks = getattr(self, field)
            for block in blocks:
                if not 0 <= block < self.layers or blocks.count(block) > 1:
                    yield Problem(f"block {block} does not exist, or is named twice", "bad-value", field)
        for block in sorted({*self.value_embeddings} & {*self.attention_free}):
            yield Problem(f"block {block} has no attention, so no values", "bad-value", "value_embeddings")
        for start, end in self.skips:
            if not 0 <= start < end < self.layers or self.skips.count([start, end]) > 1:
                message = f"[{start}, {end}] is no pair of blocks, earlier one first, or is named twice"
                yield Problem(message, "bad-value", "skips")
        if self.output == "tied" and self.output_scale != 1:
            yield Problem("a tied unembedding has the scale of the embedding", "bad-value", "output_scale")
