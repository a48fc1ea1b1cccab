"""The nn level of the Llama example agrees with a Llama written in plain numpy from the equations.

Sources: RMSNorm (Zhang and Sennrich, 2019), rotary embedding (Su et al., 2021) with halves rotated as
in Hugging Face's Llama and frequencies scaled as in Meta's Llama 3.1 code, grouped-query attention
(Ainslie et al., 2023), SwiGLU (Shazeer, 2020). Everything is float32, whole matrices, caches that grow.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.weights import random_weights

STEPS = 12
EPS, THETA = np.float32(1e-5), 500000.0
ROPE_FACTOR, ROPE_LOW, ROPE_HIGH = 8.0, 1.0, 4.0


def rms_norm(x: NDArray, weight: NDArray) -> NDArray:
    return weight * x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + EPS)


def inverse_frequencies(head_dim: int, original_context: int) -> list[float]:
    """One wave after the other, by the three cases of Meta's `apply_scaling`."""
    scaled = []
    for j in range(head_dim // 2):
        frequency = 1.0 / THETA ** (2 * j / head_dim)
        wavelength = 2 * np.pi / frequency
        if wavelength < original_context / ROPE_HIGH:
            scaled.append(frequency)
        elif wavelength > original_context / ROPE_LOW:
            scaled.append(frequency / ROPE_FACTOR)
        else:
            smooth = (original_context / wavelength - ROPE_LOW) / (ROPE_HIGH - ROPE_LOW)
            scaled.append((1 - smooth) * frequency / ROPE_FACTOR + smooth * frequency)
    return scaled


def rotate(x: NDArray, position: int, original_context: int) -> NDArray:
    """Hugging Face's form: `x * cos + rotate_half(x) * sin`, on `[batch, heads, head_dim]`."""
    angles = position * np.array(inverse_frequencies(x.shape[-1], original_context) * 2)
    half = x.shape[-1] // 2
    rotated_half = np.concatenate([-x[..., half:], x[..., :half]], axis=-1)
    return x * np.cos(angles).astype(np.float32) + rotated_half * np.sin(angles).astype(np.float32)


class PlainLlama:
    """A decoder that keeps one list of keys and one of values per layer."""

    def __init__(self, weights: dict[str, NDArray], sizes: dict[str, int]):
        self.weights, self.sizes = weights, sizes
        self.keys: list[list[NDArray]] = [[] for _ in range(sizes["layers"])]
        self.values: list[list[NDArray]] = [[] for _ in range(sizes["layers"])]

    def logits(self, tokens: NDArray, position: int) -> NDArray:
        x = self.weights["embedding"][tokens]
        for layer in range(self.sizes["layers"]):
            x = self.layer(x, layer, position)
        return rms_norm(x, self.weights["final_norm"]) @ self.weights["head"]

    def layer(self, x: NDArray, layer: int, position: int) -> NDArray:
        w = {name: self.weights[f"decoder.{name}"][layer] for name in self.layer_names()}
        x = x + self.attention(rms_norm(x, w["attention_norm"]), w, layer, position) @ w["wo"]
        h = rms_norm(x, w["ffn_norm"])
        gate = h @ w["w_gate"]
        swish = gate / (1 + np.exp(-gate))
        return x + (swish * (h @ w["w_up"])) @ w["w_down"]

    def layer_names(self) -> list[str]:
        return [name.removeprefix("decoder.") for name in self.weights if name.startswith("decoder.")]

    def attention(self, h: NDArray, w: dict[str, NDArray], layer: int, position: int) -> NDArray:
        batch, heads, kv_heads = len(h), self.sizes["heads"], self.sizes["kv_heads"]
        original = self.sizes["rope_context"]
        query = rotate((h @ w["wq"]).reshape(batch, heads, -1), position, original)
        key = rotate((h @ w["wk"]).reshape(batch, kv_heads, -1), position, original)
        self.keys[layer].append(key)
        self.values[layer].append((h @ w["wv"]).reshape(batch, kv_heads, -1))
        outputs = []
        for head in range(heads):
            group = head // (heads // kv_heads)
            keys = np.stack([k[:, group] for k in self.keys[layer]], axis=1)
            values = np.stack([v[:, group] for v in self.values[layer]], axis=1)
            scores = np.einsum("bd,btd->bt", query[:, head], keys) / np.sqrt(np.float32(keys.shape[-1]))
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
            weights /= weights.sum(axis=-1, keepdims=True)
            outputs.append(np.einsum("bt,btd->bd", weights, values))
        return np.concatenate(outputs, axis=-1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_nn_level_is_llama(seed: int, small_llama, llama_sizes: dict[str, int]):
    module = small_llama(dtype="f32")
    weights = random_weights(weight_specs(module), seed)
    interpreter, plain = Interpreter(module, weights), PlainLlama(weights, llama_sizes)
    for position in range(STEPS):
        tokens = np.array([5, 17], np.int32) + position
        next_tokens, logits = interpreter.step([tokens, position]).outputs
        wanted = plain.logits(tokens, position)
        assert_allclose(logits, wanted, rtol=1e-5, atol=1e-5)
        assert_array_equal(next_tokens, np.argmax(wanted, axis=-1))


def test_the_test_sees_a_wrong_rope(small_llama, llama_sizes: dict[str, int]):
    # Another stretch of the waves must show in the logits, or the case above proves nothing.
    module = small_llama(dtype="f32", rope_factor=9.0)
    weights = random_weights(weight_specs(module), 0)
    interpreter, plain = Interpreter(module, weights), PlainLlama(weights, llama_sizes)
    for position in range(STEPS):
        tokens = np.array([5, 17], np.int32) + position
        _, logits = interpreter.step([tokens, position]).outputs
        wanted = plain.logits(tokens, position)
    assert np.abs(logits - wanted).max() > 1e-4
