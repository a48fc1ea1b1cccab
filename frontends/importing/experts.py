"""What a mixture of experts is to `kl import`: data, beside the rest of a recipe (`recipe.py`).

Names of tensors are those on disk, whole but for the prefix of the layer; `{expert}` is the number of the
expert where each has tensors of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .keys import number, whole

Scores = Literal["softmax", "sigmoid", "softmax of chosen", "sigmoid of chosen"]
"""What becomes of the router's product: for all experts before some are chosen, or for the chosen alone."""


@dataclass(frozen=True)
class Router:
    """How a token chooses its experts, and how much each of them counts."""

    tensor: str = "mlp.gate"
    scores: Scores = "softmax"
    bias: bool = False
    """Whether the router's product has a bias."""
    wide: bool = False
    """Whether the product is computed in f32; scores of all experts always are."""
    correction: str | None = None
    """A tensor that is added to the scores which experts are chosen by, and not to what the chosen count."""
    groups: int | None = None
    """Groups of experts, of which some are chosen first; None or 1 is all in one."""
    kept: int | None = None
    """How many groups are chosen."""
    best: int = 1
    """A group's score is the sum of so many best ones."""
    normalised: bool = False
    """Whether what the chosen count is divided by its sum."""
    least_sum: float | None = None
    """A number that is added to that sum."""
    factor: float | None = None
    """A factor on what the chosen count."""


@dataclass(frozen=True)
class Stacks:
    """The matrices of all experts, and how they lie on disk."""

    gate: str = "mlp.experts.{expert}.gate_proj.weight"
    up: str = "mlp.experts.{expert}.up_proj.weight"
    down: str = "mlp.experts.{expert}.down_proj.weight"
    fused: Literal["halves", "alternating"] | None = None
    """Whether `up` holds the columns of the gate as well: those of the gate first, or in turn."""
    transposed: bool = True
    """Whether matrices lie as [out, in]."""
    bias: str | None = None
    """What stands behind a matrix' name in that of its bias, for `.weight` or for nothing; None has none."""

    def bias_of(self, matrix: str) -> str:
        """The name of a matrix' bias."""
        return f"{matrix.removesuffix('.weight')}{self.bias}"


@dataclass(frozen=True)
class Shared:
    """A gated feed-forward that all tokens go through, beside the experts."""

    tensor: str = "mlp.shared_expert"
    """What the names of its matrices begin with."""
    size: int | None = None
    times: int | None = None
    """Its size over that of an expert, where `size` is None; without both, and with 0, there is none."""
    gate: str | None = None
    """A vector whose product with the token, through a sigmoid, is a factor on it."""


@dataclass(frozen=True)
class Clamped:
    """What goes into the last product where gate and up are bounded: the gate above, up on both sides.

    It is `(up + 1) * gate * sigmoid(alpha * gate)`.
    """

    limit: float = number("swiglu_limit", default=7.0, above=0)
    alpha: float = number("swiglu_alpha", default=1.702)


@dataclass(frozen=True)
class Sparse:
    """Which layers have experts; the others have a feed-forward of their own."""

    first: int = 0
    """The first one."""
    period: int = 1
    """Every so many layers one has."""
    last: bool = True
    """Whether it is the last of each period; else the first, as layer 0 is."""
    without: str | None = None
    """A key that lists layers without experts."""
    listed: str | None = None
    """A key that lists the layers with experts, in place of the period."""


@dataclass(frozen=True)
class Experts:
    """A feed-forward of which each token takes some parts."""

    count: int = whole("num_experts", "num_local_experts", "n_routed_experts", required=True)
    per_token: int = whole("num_experts_per_tok", required=True)
    size: int = whole("moe_intermediate_size", required=True)
    """The size of an expert's feed-forward."""
    router: Router = field(default_factory=Router)
    stacks: Stacks = field(default_factory=Stacks)
    layers: Sparse = field(default_factory=Sparse)
    shared: Shared | None = None
    clamped: Clamped | None = None
    """What is done to gate and up, where it is not the activation of the recipe's feed-forward."""
    scales_input: bool = False
    """Whether a token is multiplied by what the expert counts before it goes in; else what comes out is."""
