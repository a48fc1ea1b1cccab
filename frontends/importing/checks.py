"""What a text reads, held against what a checkpoint's headers say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ...dialects.vocabulary import STORED_FLOATS as FLOATS
from ...dialects.weight_parts import EXPERT, LAYER, experts_found, names_experts
from ..source_errors import SourceError
from .pieces import Weight
from .writer import ModelText

Shape = tuple[int, ...]
VISION = ("vision_*", "model.vision_*", "multi_modal_projector.*", "model.multi_modal_projector.*")
"""The tensors of images in a model that reads text and images."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as a header says."""

    shape: Shape
    dtype: str


def expected(text: ModelText) -> dict[str, Shape]:
    """The tensors that a text reads, by name, with the shapes of the whole tensors."""
    shared = (*text.before.weights, *text.behind.weights)
    found = _shapes(shared, text)
    for one in text.kinds:
        shapes = _shapes(one.piece.weights, text)
        for number in one.kind.numbers:
            found |= {name.replace(LAYER, str(number)): shape for name, shape in shapes.items()}
    return {name: shape for one, whole in found.items() for name, shape in _of_experts(one, whole)}


def _of_experts(name: str, shape: Shape) -> list[tuple[str, Shape]]:
    """A tensor, or that of each expert where the name counts them."""
    if not names_experts(name):
        return [(name, shape)]
    return [(name.replace(EXPERT, str(number)), shape[1:]) for number in range(shape[0])]


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
    for name, shape in wanted.items():
        if name not in tensors:
            close = get_close_matches(name, tensors, 1)
            raise SourceError(
                f"the checkpoint has no tensor '{name}'",
                f"it has '{close[0]}'" if close else "give all files",
            )
        if tensors[name].shape != shape:
            raise SourceError(
                f"tensor '{name}' has shape {[*tensors[name].shape]}, the config makes it {[*shape]}",
                "config and checkpoint are of different models",
            )
        if tensors[name].dtype not in FLOATS:
            raise SourceError(
                f"tensor '{name}' is of the type {tensors[name].dtype}, which is not read",
                f"give a checkpoint of {', '.join(FLOATS)}",
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
    return [*patterns, *VISION]


def tied_copy(text: ModelText, tensors: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """The tensor that a checkpoint holds for a tied head, and the embedding's: both must be equal."""
    model, name = text.model, f"{text.model.head_tensor}.weight"
    if not model.recipe.head.tied or name not in tensors:
        return None
    return name, f"{model.tensor(model.recipe.embedding.table)}.weight"
