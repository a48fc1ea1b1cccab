"""How each type of layers rotates queries and keys: what a config says of it, in either form."""

from __future__ import annotations

from dataclasses import dataclass

from ..source_errors import SourceError
from .configs import Config, shown
from .models import Model
from .pieces import Param, Piece, literal
from .recipe import FULL, SLIDING, Rope
from .scalings import KINDS, Scaling, score_factor


@dataclass(frozen=True)
class Rotation:
    """How one type of layers rotates."""

    alone: str
    """Arguments of the call of `rope`, behind the position, for what is turned whole."""
    piece: Piece
    """The parameters and constants."""
    partial: bool = False
    """Whether the rest of a head stays as it is."""
    score_factor: Param | None = None
    """What latent attention multiplies its scores by, besides."""

    @property
    def arguments(self) -> str:
        """The same for heads."""
        name, more = (*self.alone.split(",", 1), "")[:2]
        head = ", head_dim = head_dim" if self.partial else ""
        return f"{name}{head}{',' if more else ''}{more}"


def rotations(model: Model) -> dict[str, Rotation]:
    """How each type of layers that rotates does it, by its name in `layer_types`.

    Raises: SourceError for a scaling that is not known, or says too little.
    """
    rope = model.recipe.rope
    types = dict.fromkeys(one.layer_type for one in model.layers if one.rotated)
    if rope is None or not types:
        return {}
    sources = {name: _source(model, rope, name) for name in types}
    (first, *others) = [(dict(values.values), theta) for values, theta in sources.values()]
    differ = any(one != first for one in others)
    prefixes = {FULL: "global_" if differ else "", SLIDING: "local_" if differ else ""}
    return {
        name: _rotation(model, rope, values, theta, prefixes[name])
        for name, (values, theta) in sources.items()
    }


def _source(model: Model, rope: Rope, layer_type: str) -> tuple[Config, float]:
    """What the config says of a type of layers, in the old form or the new one, and its theta.

    Raises: SourceError where both forms are there.
    """
    config = model.config
    if config.has("rope_parameters") and config.has("rope_scaling"):
        raise SourceError("the config has rope_parameters and rope_scaling", "leave one of them out")
    values = config.part("rope_parameters")
    if FULL in values.values or SLIDING in values.values:
        for name in (FULL, SLIDING):
            values.part(name).number("rope_theta", above=0)  # of a type that no layer has, too
        values = values.part(layer_type)
    elif not values.values:
        values = config.part("rope_scaling")
    is_local = layer_type == SLIDING and rope.local_theta is not None
    if is_local and values.path in ("rope_scaling.", "rope_parameters."):
        values = Config({}, {}, values.path, values.read)
    theta = rope.local_theta if is_local and rope.local_theta is not None else rope.theta
    said = values.number("rope_theta", above=0)
    _check_once(config, values, is_local=is_local)
    return values, theta if said is None else said


OUTSIDE = {
    "rope_theta": ("rope_theta", "rotary_emb_base"),
    "partial_rotary_factor": ("partial_rotary_factor", "rotary_pct", "rope_pct"),
    "original_max_position_embeddings": ("original_max_position_embeddings", "initial_context_length"),
}
"""What keys of the scaling are called outside of it."""


def _check_once(config: Config, values: Config, *, is_local: bool) -> None:
    """Raises: SourceError for a number that stands inside and outside of the scaling, with two values."""
    for name, outside in OUTSIDE.items():
        for other in ("rope_local_base_freq",) if is_local and name == "rope_theta" else outside:
            if values.has(name) and config.has(other) and values.values[name] != config.values[other]:
                raise SourceError(
                    f"{values.path}{name} is {shown(values.values[name])}, "
                    f"{other} is {shown(config.values[other])}",
                    "say one of them",
                )


def _rotation(model: Model, rope: Rope, values: Config, theta: float, prefix: str) -> Rotation:
    scaling = Scaling(model, values, theta, _dims(model, rope, values), prefix)
    kind = values.text("rope_type", "type", default="default") or "default"
    kind = rope.renamed.get(kind, kind)
    if kind not in KINDS:
        raise SourceError(f"{values.path}rope_type is {shown(kind)}", f"known are {', '.join(KINDS)}")
    params, constants, more = KINDS[kind](scaling)
    partial = () if scaling.extent == "head_dim" else (literal("rope_dims", scaling.dims),)
    piece = Piece((literal(scaling.named("theta"), theta), *partial, *params), constants)
    factor = score_factor(scaling) if kind == "yarn" else None
    return Rotation(f"{scaling.named('frequencies')}{more}", piece, bool(partial), factor)


def _dims(model: Model, rope: Rope, values: Config) -> int:
    """How many dimensions of a head are rotated.

    Raises: SourceError for an odd number, or more than there are.
    """
    fraction = rope.fraction
    if fraction is not None:
        said = values.number("partial_rotary_factor")
        fraction = fraction if said is None else said
        if not 0 <= fraction <= 1:
            raise SourceError(f"{values.path}partial_rotary_factor is {fraction}", "it is a share of a head")
    elif values.number("partial_rotary_factor") not in (None, 1.0):
        raise SourceError(
            f"{values.path}partial_rotary_factor is {values.number('partial_rotary_factor')}",
            f"the recipe of {model.recipe.name} rotates whole heads",
        )
    dims = (
        rope.dims if rope.dims is not None else int(model.head_dim * (1.0 if fraction is None else fraction))
    )
    if dims % 2 or not 0 < dims <= model.head_dim:
        raise SourceError(
            f"rope would rotate {dims} of the {model.head_dim} dimensions of a head",
            "it rotates pairs, at least one",
        )
    return dims
