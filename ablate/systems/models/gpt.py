"""char-GPT: the decoder-only transformer of journals A and C (see docs, systems)."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from ablate.core import GridError, Problem
from ablate.systems.inits import DrawNamed
from ablate.systems.problems import Shapes
from ablate.systems.products import product
from ablate.systems.streams import stream
from ablate.systems.taps import scope, tap

from .base import MODELS, Slices, Units
from .embedding import ValueEmbedding, embed, fresh_mixing, fresh_value_embedding, mix
from .gpt_fields import GPTFields
from .norms import head_norm


class Block(eqx.Module):
    """Parameters of one layer; None where a part has none."""

    qkv: Float[Array, "D+S 3*H*d"] | None
    out: Float[Array, "H*d D"] | None
    mlp: PyTree[Array]
    attention_norm: Float[Array, " D"] | None
    mlp_norm: Float[Array, " D"] | None
    query_norm: Float[Array, " d"] | None
    key_norm: Float[Array, " d"] | None
    dln: PyTree[Array]
    mixing: Float[Array, " 2+n"] | None
    value: ValueEmbedding | None
    skip: Float[Array, " k"] | None
    """Weights of the outputs of earlier blocks that are added to what this one reads."""


class Parameters(eqx.Module):
    """Parameters of the whole network; None where a part has none."""

    embedding: Float[Array, "V D"]
    position: Float[Array, "T D"] | None
    blocks: tuple[Block, ...]
    unembedding: Float[Array, "D V"] | None
    extra_embeddings: tuple[Float[Array, "V D"], ...]
    embedding_norm: Float[Array, " D"] | None
    final_norm: Float[Array, " D"] | None


@MODELS.register("gpt")
class GPT(GPTFields):
    """Pre-norm decoder: causal attention and an MLP per layer, no biases.

    With the defaults as journal A ran it: RMS norms without parameters; queries and keys normalised per head; the
    unembedding starts as the transposed embedding and is trained separately; there is no norm before it.
    """

    reference = "journal A of the shipped systems, May 2024; Radford et al. 2019 (GPT-2)"

    # --- parameters ------------------------------------------------------------------------------------------------

    def init(self, shapes: Shapes, key: Key[Array, ""]) -> Parameters:
        """See `Model.init`."""
        if shapes.symbols is None or shapes.outputs != (*shapes.inputs, shapes.symbols):
            message = "gpt predicts a symbol after each symbol; this problem wants something else, for which mlp may do"
            raise GridError(Problem(message, "bad-value", "model.kind"))
        draw, symbols = self._draw(key), shapes.symbols
        names = ("embedding", *(f"embedding{index + 1}" for index in range(self.extra_embeddings or 0)))
        embedding, *extra = (self._init_embedding(stream(key, name), symbols) for name in names)
        return Parameters(
            embedding=embedding,
            position=self.position.init(shapes.inputs[0], self.width, draw),
            blocks=tuple(
                self._init_block(index, symbols, stream(key, f"block{index}")) for index in range(self.layers)
            ),
            unembedding=self._init_unembedding(embedding, draw),
            extra_embeddings=tuple(extra),
            embedding_norm=self.embedding_norm.init(self.width),
            final_norm=self.final_norm.init(self.width),
        )

    def _init_embedding(self, key: Key[Array, ""], symbols: int) -> Float[Array, "V D"]:
        deviation = self.embedding_scale / self.width**0.5
        return jnp.asarray(deviation * jax.random.normal(key, (symbols, self.width)))

    def _init_unembedding(self, embedding: Float[Array, "V D"], draw: DrawNamed) -> Float[Array, "D V"] | None:
        if self.output == "tied":
            return None
        symbols, width = embedding.shape
        start = embedding.T if self.output == "transposed" else draw("unembedding", (width, symbols))
        return self.output_scale * start

    def _init_block(self, index: int, symbols: int, key: Key[Array, ""]) -> Block:
        draw, width, inner = self._draw(key), self.width, self.heads * self.head_size
        attends = index not in self.attention_free
        head_weight = jnp.ones(self.head_size) if attends and self.qk_norm == "per_head_learned" else None
        has_value, skips = index in self.value_embeddings, len(self.skips_into(index))
        return Block(
            qkv=self._init_qkv(draw) if attends else None,
            out=draw("out", (inner, width)) if attends else None,
            mlp=self.mlp.init(width, width * self.mlp_ratio, draw),
            attention_norm=self.norm.init(width) if attends else None,
            mlp_norm=self.norm.init(width),
            query_norm=head_weight,
            key_norm=head_weight,
            dln=self.dln.init(width, draw, stream(key, "dln")) if attends else None,
            mixing=None if self.extra_embeddings is None else fresh_mixing(1 + self.extra_embeddings),
            value=fresh_value_embedding(stream(key, "value_embedding"), symbols, inner) if has_value else None,
            skip=jnp.ones(skips) if skips else None,
        )

    def _init_qkv(self, draw: DrawNamed) -> Float[Array, "D+S 3*H*d"]:
        rows, width = self.width + self.dln.width, self.heads * self.head_size
        qk_scale = self.qkv_scale * self.qk_scale
        scales = {"q": qk_scale * self.q_scale, "k": qk_scale * self.k_scale, "v": self.qkv_scale * self.v_scale}
        if self.qkv == "merged":
            parts = jnp.split(draw("qkv", (rows, 3 * width)), 3, axis=1)
        else:
            parts = [draw(f"qkv.{name}", (rows, width)) for name in scales]
        return jnp.concatenate([scale * part for scale, part in zip(scales.values(), parts, strict=True)], axis=1)

    def _draw(self, key: Key[Array, ""]) -> DrawNamed:
        """Matrices from `key`: a name such as ``qkv.k`` is drawn from the stream ``k`` by the initialisation of qkv."""

        def draw(name: str, shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
            group, _, part = name.partition(".")
            init = self.inits.get(group, self.matrices)
            return init.build()(stream(key, part or group), shape)

        return draw

    def units(self) -> tuple[Units, ...]:
        """See `Model.units`. The hidden layers of MLPs that have a matrix ``down``."""
        incoming = [name for name in self.mlp.names if name != "down"]
        if len(incoming) == len(self.mlp.names):
            return ()
        return tuple(
            Units(
                tap=f"blocks.{index}.hidden",
                incoming=tuple(Slices(f"blocks.{index}.mlp.{name}", 1) for name in incoming),
                outgoing=(Slices(f"blocks.{index}.mlp.down", 0),),
            )
            for index in range(self.layers)
        )

    # --- computation -----------------------------------------------------------------------------------------------

    def apply(
        self, parameters: Parameters, inputs: Int[Array, "B T"], *, key: Key[Array, ""] | None
    ) -> Float[Array, "B T V"]:
        """See `Model.apply`."""
        # Activations stay [B*T, D] from here to the logits: one large matrix product per projection, which on CPU
        # is 1.5 times as fast as the same model on [B, T, D] (docs, performance).
        weights = self._cast(parameters)
        batch, length = inputs.shape
        symbols = inputs.reshape(-1)
        residual, *extra = (
            self.embedding_norm.apply(weights.embedding_norm, embed(table, symbols), batch)
            for table in (weights.embedding, *weights.extra_embeddings)
        )
        if weights.position is not None:
            residual += jnp.tile(weights.position[:length], (batch, 1))
        sources = (residual, *extra)
        earlier: list[Float[Array, "B*T D"]] = []
        for index, block in enumerate(weights.blocks):
            noise = None if key is None else stream(key, f"block{index}")
            if block.skip is not None:
                skipped = [earlier[start] for start in self.skips_into(index)]
                residual = mix(jnp.pad(block.skip, (1, 0), constant_values=1), residual, skipped)
            if block.mixing is not None:
                residual = mix(block.mixing, residual, sources)
            with scope("blocks", str(index)):
                if index not in self.attention_free:
                    residual += self._attention(block, residual, symbols, batch, noise)
                residual += self._mlp(block, residual, batch, noise)
                tap("residual", residual)
            earlier.append(residual)
        residual = self.final_norm.apply(weights.final_norm, residual, batch)
        unembedding = weights.embedding.T if weights.unembedding is None else weights.unembedding
        logits = product(residual, unembedding).astype(jnp.float32)
        if self.logit_cap is not None:
            logits *= self.logit_cap * jax.lax.rsqrt(jnp.square(logits) + self.logit_cap**2)
        return logits.reshape(batch, length, -1)

    def _cast(self, parameters: Parameters) -> Parameters:
        """Matrices in the precision of the computation; weights of norms and mixtures stay float32."""
        cast: Parameters = jax.tree.map(
            lambda leaf: leaf.astype(self.precision) if leaf.ndim >= 2 else leaf, parameters
        )
        return cast

    def _attention(
        self,
        block: Block,
        residual: Float[Array, "B*T D"],
        symbols: Int[Array, " B*T"],
        batch: int,
        key: Key[Array, ""] | None,
    ) -> Float[Array, "B*T D"]:
        assert block.qkv is not None
        assert block.out is not None
        rows, width = residual.shape
        length, size = rows // batch, self.head_size
        read = self.dln.apply(block.dln, self.norm.apply(block.attention_norm, residual, batch), batch)
        projected = product(read, block.qkv).reshape(rows, 3 * self.heads, size)
        compared, values = jnp.split(projected, [2 * self.heads], axis=1)
        queries, keys = head_norm(self.qk_norm, (block.query_norm, block.key_norm), compared, batch)
        queries, keys, values = (
            heads.reshape(batch, length, self.heads, size).transpose(0, 2, 1, 3) for heads in (queries, keys, values)
        )
        queries, keys = self.position.rotate(queries), self.position.rotate(keys)
        if block.value is not None:
            table = embed(block.value.embedding, symbols).reshape(batch, length, self.heads, size)
            values = mix(block.value.mixing, values, [table.transpose(0, 2, 1, 3)])
        divisor = size if self.score_norm == "head" else width
        mixed = self.attention.mix(
            queries,
            keys,
            values,
            scale=divisor**-0.5 if self.score_scale is None else self.score_scale,
            history=self.history,
            drop=lambda weights: self._drop(weights, key, "attention"),
        )
        return self._drop(product(mixed.reshape(rows, -1), block.out), key, "attention_out")

    def _mlp(
        self, block: Block, residual: Float[Array, "B*T D"], batch: int, key: Key[Array, ""] | None
    ) -> Float[Array, "B*T D"]:
        rows = self.norm.apply(block.mlp_norm, residual, batch)
        # The activation is computed again on the way back: on a CPU, keeping what it has found takes longer.
        return self._drop(self.mlp.apply(block.mlp, rows, jax.checkpoint(self.activation.build())), key, "mlp_out")

    def _drop(self, values: Float[Array, "..."], key: Key[Array, ""] | None, name: str) -> Float[Array, "..."]:
        if key is None or self.dropout == 0:
            return values
        kept = jax.random.bernoulli(stream(key, name), 1 - self.dropout, values.shape)
        return jnp.where(kept, values / (1 - self.dropout), 0.0)
