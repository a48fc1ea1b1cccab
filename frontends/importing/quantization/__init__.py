"""Models whose matrices are stored in few bits: what a config says of it, and what a text says then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches

from ...source_errors import SourceError
from ..configs import Config, shown
from .compressed import compressed_tensors
from .facts import KEY, OLD_KEY, Facts, Header
from .methods import HEAD, awq, fbgemm_fp8, fp8, gptq, mxfp4
from .modelopt import modelopt
from .scheme import Rule, Scheme
from .storage import Storage

METHODS: Mapping[str, Callable[[Facts], Scheme]] = {
    "awq": awq,
    "compressed-tensors": compressed_tensors,
    "fbgemm_fp8": fbgemm_fp8,
    "fp8": fp8,
    "gptq": gptq,
    "modelopt": modelopt,
    "mxfp4": mxfp4,
}
"""What reads the config of each `quant_method`."""

STORED: Mapping[str, Storage] = {
    "f8e4m3": Storage("f8e4m3", (128, 128), scales=None),
    "i4": Storage("i4", (128, 1), "f16", scales=None),
    "i8": Storage("i8", (None, 1), scales=None),
    "mxfp4": Storage("f4e2m1", (32, 1), "f8e8m0", scales=None),
    "nvfp4": Storage("f4e2m1", (16, 1), "f8e4m3", scales=None),
}
"""Forms that all matrices of a model without checkpoint can have: those of DeepSeek, of GPTQ and AWQ, of most
checkpoints of 8-bit whole numbers, of gpt-oss and of Model Optimizer."""
CACHE_TYPES = ("f8e4m3", "bf16", "f16", "f32", "f64")
"""The types that caches can have."""


def scheme_of(config: Config, tensors: Mapping[str, Header]) -> Scheme | None:
    """How the matrices of a model are stored, as its config says; None where they are wide.

    Raises: SourceError for a method that is not known, and for keys that ask for what is not read.
    """
    key = KEY if config.has(KEY) else OLD_KEY
    part = config.part(key)
    if not part.values:
        return None
    method = part.get("quant_method")
    if not isinstance(method, str) or method not in METHODS:
        close = get_close_matches(str(method), METHODS, 1)
        raise SourceError(
            f"{part.path}quant_method is {shown(method)}, which is not read",
            f"known are {', '.join(close or METHODS)}; --ignore {key} goes on with wide weights",
        )
    return METHODS[method](Facts(part, tensors))


def chosen(name: str) -> Scheme:
    """All matrices but the head in one of the forms of `STORED`.

    Raises: SourceError for another name.
    """
    if name not in STORED:
        raise SourceError(f"no weights are stored as '{name}'", f"known are {', '.join(STORED)}")
    return Scheme(name, (Rule(STORED[name]),), HEAD)
