"""ALiBi (arXiv 2108.12409): a bias of the scores that falls with the distance, by a slope a head."""

from __future__ import annotations

from math import ceil, log2

from ...limits import MOST_SLOPES
from ...source_errors import SourceError
from ..models import Model
from ..pieces import Piece, decimal


def slopes(model: Model, kind: str) -> Piece:
    """The constant `slopes[heads]`: by a formula where the heads are a power of two, else as numbers.

    Raises: SourceError for more than `MOST_SLOPES`.
    """
    heads = model.heads
    if heads > MOST_SLOPES:
        raise SourceError(f"the model has {heads} heads with a slope each", f"at most {MOST_SLOPES} are read")
    numbers = _of_mpt(heads) if kind == "alibi of mpt" else _of_bloom(heads)
    formula = "2.0 ^ (-8.0 * (h + 1) / heads)"
    if kind == "alibi scaled":
        factor = model.head_dim**-0.5
        numbers, formula = [one * factor for one in numbers], f"{formula} / sqrt(1.0 * head_dim)"
    if heads & (heads - 1) == 0:
        return Piece(constants=(f"constant slopes[h in 0..heads]: f32 = {formula}",))
    return Piece(constants=(f"constant slopes[heads]: f32 = [{', '.join(map(decimal, numbers))}]",))


def _of_bloom(heads: int) -> list[float]:
    """Those of the next lower power of two, then every other one of twice as many."""
    power = 1 << (heads.bit_length() - 1)
    first = [2.0 ** (-8.0 * (h + 1) / power) for h in range(power)]
    return first + [2.0 ** (-4.0 * (2 * h + 1) / power) for h in range(heads - power)]


def _of_mpt(heads: int) -> list[float]:
    """Those of the next higher power of two, every other one first."""
    power = 1 << ceil(log2(heads))
    whole = [2.0 ** (-8.0 * (h + 1) / power) for h in range(power)]
    return whole if power == heads else (whole[1::2] + whole[::2])[:heads]
