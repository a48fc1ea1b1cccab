"""The kinds of scaling of rotary frequencies, as formulas of the text; `j` counts pairs of dimensions.

The formulas are those of the papers and of transformers 5 (modeling_rope_utils.py): linear scaling, dynamic
scaling (NTK, which changes nothing up to the model's own context), Llama 3.1's, YaRN (arXiv 2309.00071) and
LongRoPE (arXiv 2402.13753).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, isfinite, log, sqrt

from ..source_errors import SourceError
from .configs import Config
from .models import Model
from .pieces import Number, Param, decimal, literal

TURN = "6.283185307179586"
"""The radians of a full turn."""


@dataclass(frozen=True)
class Scaling:
    """What a config says of the frequencies of one type of layers."""

    model: Model
    values: Config
    """Of `rope_parameters` or `rope_scaling`."""
    theta: float
    dims: int
    prefix: str
    """Before the names in the text."""

    def named(self, name: str) -> str:
        """A name in the text."""
        return f"{self.prefix}{name}"

    @property
    def extent(self) -> str:
        """The dimensions that are rotated, by name."""
        return "head_dim" if self.dims == self.model.head_dim else "rope_dims"

    @property
    def power(self) -> str:
        """The frequencies without scaling."""
        return f"{self.named('theta')} ^ (-2.0 * j / {self.extent})"

    def constant(self, name: str, formula: str) -> str:
        """A constant of a number a pair of dimensions."""
        return f"constant {self.named(name)}[j in 0..{self.extent} / 2] = {formula}"

    def required(self, name: str) -> float:
        """A number of the scaling.

        Raises: SourceError where it is missing, or not above zero.
        """
        value = self.values.number(name, above=0)
        if value is None:
            raise SourceError(f"{self.values.path}{name} is missing", "the scaling of rope needs it")
        return value

    @property
    def original_context(self) -> int:
        """The context of training.

        Raises: SourceError where nothing says it.
        """
        rope = self.model.recipe.rope
        said = self.values.whole("original_max_position_embeddings")
        outer = rope.original_context if rope is not None else None
        found = next((one for one in (outer, said, self.model.positions) if one is not None), None)
        if found is None:
            raise SourceError(f"{self.values.path}original_max_position_embeddings is missing", "add it")
        return found


Scaled = tuple[tuple[Param, ...], tuple[str, ...], str]
"""Parameters and constants, and more arguments of the call."""


def _default(scaling: Scaling) -> Scaled:
    return (), (scaling.constant("frequencies", scaling.power),), ""


def _linear(scaling: Scaling) -> Scaled:
    factor = literal(scaling.named("rope_factor"), scaling.required("factor"))
    return (factor,), (scaling.constant("frequencies", f"{scaling.power} / {factor.name}"),), ""


def _dynamic(scaling: Scaling) -> Scaled:
    """Nothing is scaled up to the model's own context, which is as far as a text goes."""
    scaling.required("factor")
    scaling.values.whole("original_max_position_embeddings")
    return _default(scaling)


def _llama3(scaling: Scaling) -> Scaled:
    name = scaling.named
    low, high = scaling.required("low_freq_factor"), scaling.required("high_freq_factor")
    params = (
        literal(name("rope_factor"), scaling.required("factor")),
        literal(name("rope_low"), low),
        literal(name("rope_high"), high),
        literal(name("rope_context"), scaling.original_context),
    )
    turns = f"{name('rope_context')} * {name('unscaled')}[j] / {TURN}"
    ramp = f"({turns} - {name('rope_low')}) / ({name('rope_high')} - {name('rope_low')})"
    if low == high:  # a step in place of a ramp
        ramp = f"floor({turns} / {name('rope_low')})"
    kept = f"{name('kept')}[j]"
    constants = (
        scaling.constant("unscaled", scaling.power),
        scaling.constant("kept", f"max(0.0, min(1.0, {ramp}))"),
        scaling.constant(
            "frequencies", f"{name('unscaled')}[j] * ({kept} + (1.0 - {kept}) / {name('rope_factor')})"
        ),
    )
    note = "// Llama 3.1: slow pairs turn slower by rope_factor, those between in part."
    return params, (note, *constants), ""


def _stretch(scaling: Scaling) -> float:
    """How much longer than in training YaRN lets sequences be."""
    factor, original = scaling.values.number("factor", above=0), scaling.original_context
    return (scaling.model.positions or original) / original if factor is None else factor


def score_factor(scaling: Scaling) -> Param | None:
    """What latent attention multiplies its scores by under YaRN; None where that is 1.

    Raises: SourceError where it is infinite.
    """
    factor, all_dims = _stretch(scaling), scaling.values.number("mscale_all_dim", least=0)
    if not all_dims or factor <= 1:
        return None
    text = f"(0.1 * {decimal(all_dims)} * log({scaling.named('rope_factor')}) + 1.0) ^ 2"
    value = 0.1 * all_dims * log(factor) + 1.0
    if not isfinite(value * value):
        path = f"{scaling.values.path}mscale_all_dim"
        raise SourceError(f"{path} is {all_dims:g}, which makes scores infinite", "it is about 1")
    value *= value
    return Param(scaling.named("score_factor"), text, value, "YaRN's mscale_all_dim, of queries and of keys")


def _yarn(scaling: Scaling) -> Scaled:
    name, values, original = scaling.named, scaling.values, scaling.original_context
    factor = _stretch(scaling)
    fast, slow = values.number("beta_fast", least=0) or 32.0, values.number("beta_slow", least=0) or 1.0
    if scaling.theta == 1:
        raise SourceError("rope_theta is 1, which YaRN has no ramp for", "it is above zero and not 1")
    truncates = values.flag("truncate", default=True)
    params = [
        literal(name("rope_factor"), factor),
        literal(name("rope_context"), original),
        _turning(scaling, "rope_first", fast, floor if truncates else None),
        _turning(scaling, "rope_last", slow, ceil if truncates else None),
    ]
    first, last = params[2].value, params[3].value
    width = "0.001" if first == last else f"({name('rope_last')} - {name('rope_first')})"
    kept = f"{name('kept')}[j]"
    constants = (
        scaling.constant("unscaled", scaling.power),
        scaling.constant("kept", f"1.0 - max(0.0, min(1.0, (1.0 * j - {name('rope_first')}) / {width}))"),
        scaling.constant(
            "frequencies", f"{name('unscaled')}[j] * ({kept} + (1.0 - {kept}) / {name('rope_factor')})"
        ),
    )
    scaled, arguments = _with_scale(scaling, params, _yarn_factor(values, factor), "")
    note = "// YaRN: pairs before rope_first turn as they did, those behind rope_last slower by rope_factor."
    return scaled, (note, *constants), arguments


def _turning(scaling: Scaling, name: str, turns: float, rounded: Callable[[float], int] | None) -> Param:
    """The pair that turns so often within the context of training: where YaRN's ramp begins or ends."""
    context, theta, extent = scaling.named("rope_context"), scaling.named("theta"), scaling.extent
    text = f"{extent} * log({context} / {decimal(turns)} / {TURN}) / (2.0 * log({theta}))"
    value: Number = (
        scaling.dims * log(scaling.original_context / turns / float(TURN)) / (2 * log(scaling.theta))
    )
    if rounded is not None:
        value, text = rounded(value), f"{rounded.__name__}({text})"
    point = "" if rounded is not None else ".0"
    if name == "rope_first":
        return Param(scaling.named(name), f"max(0{point}, {text})", max(0, value))
    return Param(scaling.named(name), f"min({extent} - 1{point}, {text})", min(scaling.dims - 1, value))


def _yarn_factor(values: Config, factor: float) -> float:
    """What cosine and sine are multiplied by."""
    said, one, all_dims = (
        values.number(key, least=0) for key in ("attention_factor", "mscale", "mscale_all_dim")
    )
    if said is not None:
        return said

    def grown(times: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * times * log(factor) + 1.0

    return grown(one) / grown(all_dims) if one and all_dims else grown(1.0)


def _longrope(scaling: Scaling) -> Scaled:
    values, original = scaling.values, scaling.original_context
    factor, said = values.number("factor", above=0), values.number("attention_factor", above=0)
    if factor is None:
        factor = (scaling.model.positions or original) / original
    if said is None and factor > 1 and original == 1:
        raise SourceError("original_max_position_embeddings is 1", "LongRoPE takes its logarithm: above 1")
    if said is None:
        said = 1.0 if factor <= 1 else sqrt(1 + log(factor) / log(original))
    tables = {name: values.numbers(f"{name}_factor") for name in ("short", "long")}
    constants = [
        "// LongRoPE: each pair has a factor of its own. Keys of positions below rope_context keep the short",
        "// table, later ones the long one; rope_context = 1 gives it to all (position 0 does not turn).",
    ]
    for name, table in tables.items():
        if table is None or len(table) != scaling.dims // 2:
            found = "missing" if table is None else f"of {len(table)} numbers"
            raise SourceError(
                f"{values.path}{name}_factor is {found}",
                f"it has {scaling.dims // 2}, one a pair of dimensions",
            )
        if wrong := [one for one in table if one <= 0]:
            raise SourceError(f"{values.path}{name}_factor has {wrong[0]:g}", "factors are above zero")
        listed = ", ".join(map(decimal, table))
        constants.append(f"constant {scaling.named(name)}_factors[{scaling.extent} / 2] = [{listed}]")
    constants += [
        scaling.constant(f"{kind}frequencies", f"{scaling.power} / {scaling.named(name)}_factors[j]")
        for kind, name in (("", "short"), ("long_", "long"))
    ]
    params = [literal(scaling.named("rope_context"), original)]
    more = f", long = {scaling.named('long_frequencies')}, long_from = {scaling.named('rope_context')}"
    params, arguments = _with_scale(scaling, params, said, more)
    return params, tuple(constants), arguments


def _with_scale(
    scaling: Scaling, params: list[Param], scale: float, more: str
) -> tuple[tuple[Param, ...], str]:
    """The parameters and arguments with the factor on cosine and sine, where it is not 1."""
    if scale == 1.0:
        return tuple(params), more
    one = literal(scaling.named("rope_scale"), scale, "on cosine and sine")
    return (*params, one), f", scale = {one.name}{more}"


KINDS: Mapping[str, Callable[[Scaling], Scaled]] = {
    "default": _default,
    "linear": _linear,
    "dynamic": _dynamic,
    "llama3": _llama3,
    "yarn": _yarn,
    "longrope": _longrope,
}
"""The kinds of scaling, as `rope_type` calls them."""
