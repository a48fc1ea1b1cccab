"""What a text reads, held against what a checkpoint's headers say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ...dialects.stored_layouts import HeldTensor
from ...dialects.vocabulary import STORED_FLOATS as FLOATS
from ...dialects.weight_parts import EXPERT, LAYER, experts_found, names_experts
from ..source_errors import SourceError
from .pieces import Weight
from .quantization.facts import CACHE_SCALES
from .quantization.weights import check_part
from .writer import ModelText

Shape = tuple[int, ...]
VISION = ("vision_*", "model.vision_*", "multi_modal_projector.*", "model.multi_modal_projector.*")
"""The tensors of images in a model that reads text and images."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as a header says."""

    shape: Shape
    dtype: str


def expected(text: ModelText) -> dict[str, tuple[HeldTensor, ...]]:
    """The tensors that a text reads, by name, with the forms that each may have.

    Raises: SourceError for a part of a tensor that cuts a block of scales, and for a matrix that its layout
        does not hold.
    """
    shared = (*text.before.weights, *text.behind.weights)
    found = _forms(shared, text)
    for one in text.kinds:
        forms = _forms(one.piece.weights, text)
        for number in one.kind.numbers:
            found |= {name.replace(LAYER, str(number)): form for name, form in forms.items()}
    return found


def _forms(weights: Iterable[Weight], text: ModelText) -> dict[str, tuple[HeldTensor, ...]]:
    """The tensors of some weights, whole."""
    weights = tuple(weights)
    shapes = _shapes(weights, text)
    found: dict[str, tuple[HeldTensor, ...]] = {}
    for weight in weights:
        shape, each = shapes[weight.tensor], names_experts(weight.tensor)
        forms = _of_matrix(weight, shape[1:] if each else shape, text)
        numbers = range(shape[0] if each else 1)
        found |= {name.replace(EXPERT, str(n)): form for name, form in forms.items() for n in numbers}
    return found


def _of_matrix(weight: Weight, shape: Shape, text: ModelText) -> dict[str, tuple[HeldTensor, ...]]:
    """The tensors that hold a weight whose wide tensor has a shape."""
    if weight.storage is None:
        return {weight.tensor: (HeldTensor(tuple(FLOATS), shape),)}
    turned = weight.transposed or weight.outputs_first
    if not weight.storage.is_named:
        own = weight.extents(text.numbers)
        weight.storage.check_whole(weight.module, own, outputs_first=weight.outputs_first)
        return {}
    declared = (*shape[:-2], shape[-1], shape[-2]) if turned else shape
    check_part(weight, declared[-1], text.numbers)
    return weight.storage.tensors(weight.tensor, declared, transposed=turned)


def _shapes(weights: Iterable[Weight], text: ModelText) -> dict[str, Shape]:
    """The shapes of tensors, each of which some weights read part by part."""
    found: dict[str, Shape] = {}
    for weight in weights:
        shape = weight.disk_shape(text.numbers)
        axis = len(shape) - 1 if weight.columns else max(len(shape) - 2, 0)
        before = found.get(weight.tensor)
        if before is not None:
            shape = (*before[:axis], before[axis] + shape[axis], *before[axis + 1 :])
        found[weight.tensor] = (shape[0] + weight.unread, *shape[1:])
    return found


def check(text: ModelText, tensors: Mapping[str, Tensor], ignored: Iterable[str] = ()) -> list[str]:
    """The tensors that are skipped, as the recipe knows them or as `ignored` patterns say.

    Raises: SourceError for a tensor that is missing, has another shape or type, or is not used.
    """
    _check_experts(text, tensors)
    wanted = expected(text)
    for name, forms in wanted.items():
        if name in tensors:
            _check_form(name, tensors[name], forms, text)
        elif not forms[0].optional:
            close = get_close_matches(name, tensors, 1)
            raise SourceError(
                f"the checkpoint has no tensor '{name}'",
                f"it has '{close[0]}'" if close else "give all files",
            )
    left = [name for name in tensors if name not in wanted]
    patterns = (*skipped(text), *ignored)
    unused = [name for name in left if not any(fnmatchcase(name, pattern) for pattern in patterns)]
    if unused:
        more = f" and {len(unused) - 1} more" if len(unused) > 1 else ""
        raise SourceError(
            f"the checkpoint's tensor '{unused[0]}'{more} would not be used",
            f"--ignore '{unused[0]}' goes on without it",
        )
    return left


def _check_form(name: str, tensor: Tensor, forms: Sequence[HeldTensor], text: ModelText) -> None:
    """Raises: SourceError for a tensor of another shape or type."""
    shape, dtypes = forms[0].shape, forms[0].dtypes
    if tensor.dtype not in dtypes and (tensor.dtype in FLOATS or [*dtypes] == [*FLOATS]):
        method = text.model.scheme.method if text.model.scheme is not None else None
        says = f"is wide by the config's {method}" if method else "has no quantization_config in the config"
        if [*dtypes] != [*FLOATS]:
            says = f"is stored by the config's {method} as {' or '.join(dtypes)}"
        raise SourceError(
            f"tensor '{name}' is of the type {tensor.dtype}, and {says}",
            "config and checkpoint are of different models, or the config's list of modules is not complete",
        )
    if not any(form.fits(tensor.shape) for form in forms):
        raise SourceError(
            f"tensor '{name}' has shape {[*tensor.shape]}, the config makes it {[*shape]}",
            "config and checkpoint are of different models",
        )
    if tensor.dtype not in dtypes:
        raise SourceError(
            f"tensor '{name}' is of the type {tensor.dtype}, which is not read",
            f"give a checkpoint of {', '.join(dtypes)}",
        )


def _check_experts(text: ModelText, tensors: Mapping[str, Tensor]) -> None:
    """Raises: SourceError where the checkpoint has more experts of some kind than the text, or fewer."""
    for one in text.kinds:
        for weight in one.piece.weights:
            if not names_experts(weight.tensor):
                continue
            count = weight.disk_shape(text.numbers)[0]
            for name in (weight.tensor.replace(LAYER, str(number)) for number in one.kind.numbers):
                if (found := experts_found(name, count, tensors)) != count:
                    raise SourceError(
                        f"the checkpoint has {found} of '{name}', the config says {count} experts",
                        "config and checkpoint are of different models",
                    )


def unread(text: ModelText, left: Iterable[str]) -> tuple[str, ...]:
    """The names of tensors that are left out, and of those of which a text reads not all rows."""
    return (*left, *(weight.tensor for weight, _ in text.weights() if weight.unread))


def skipped(text: ModelText) -> list[str]:
    """Patterns of tensors that are known to be left out; a copy of a tied head is not among them."""
    model = text.model
    patterns = [f"*{pattern}" for pattern in model.recipe.skipped]
    patterns += [f"{model.in_layer('*').replace(LAYER, str(number))}" for number in model.more_layers]
    if model.recipe.head.tied:
        patterns.append(f"{model.head_tensor}.weight")
    if model.scheme is not None:
        patterns += (*model.scheme.skipped, *(() if model.cache_type == "f8e4m3" else CACHE_SCALES))
    return [*patterns, *VISION]


def tied_copy(text: ModelText, tensors: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """The tensor that a checkpoint holds for a tied head, and the embedding's: both must be equal."""
    model, name = text.model, f"{text.model.head_tensor}.weight"
    if not model.recipe.head.tied or name not in tensors:
        return None
    return name, f"{model.tensor(model.recipe.embedding.table)}.weight"
