"""How one matrix is stored in few bits: what a text declares, and which tensors a checkpoint has for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ....dialects.stored_formats import FORMATS, packed_axis
from ....dialects.stored_layouts import FLOATS, HeldTensor, StoredMatrix, parts_of
from ...source_errors import SourceError

DTYPES: Mapping[str, str] = {"f8e4m3": "F8_E4M3", "i8": "I8"}
"""The types of safetensors files of codes that are not packed."""
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Storage:
    """How a matrix is stored."""

    format: str
    """The stored type: `f8e4m3`, `i8`, `i4` or `f4e2m1`."""
    block: tuple[int | None, int | None]
    """How many elements along `in` and along `out` share a scale; None is all of the axis."""
    scale_type: str = "f32"
    """Of the scales, as the language calls it."""
    zeros: bool = False
    """Whether there are zero points."""
    layout: str | None = None
    """The layout of its packed tensors; None where codes lie as the matrix does."""
    scales: str | None = "weight_scale"
    """What the name of the tensor of scales ends in, without a layout; None for a matrix of no checkpoint."""

    @property
    def is_named(self) -> bool:
        """Whether a checkpoint has it."""
        return self.layout is not None or self.scales is not None

    def matrix(self, shape: Shape) -> StoredMatrix:
        """The matrix, or a stack of them, of a shape `[…, in, out]`."""
        sizes = zip(self.block, shape[-2:], strict=True)
        along_in, along_out = (extent if size is None else size for size, extent in sizes)
        return StoredMatrix(shape, self.format, (along_in, along_out))

    def declared(self, extents: tuple[str, ...], *, outputs_first: bool = False) -> str:
        """What a declaration says behind its extents: `: f8e4m3 scale[128, 128]`."""
        *stack, rows, columns = extents
        block = self.block[::-1] if outputs_first else self.block
        sizes = zip(block, (rows, columns), strict=True)
        sharing = [*("1" for _ in stack), *(extent if size is None else str(size) for size, extent in sizes)]
        scale_type = "" if self.scale_type == "f32" else f": {self.scale_type}"
        return f": {self.format} scale[{', '.join(sharing)}]{scale_type}{' zeros' if self.zeros else ''}"

    def tensors(self, name: str, shape: Shape, *, transposed: bool) -> dict[str, tuple[HeldTensor, ...]]:
        """The tensors that hold a matrix whose wide form is called `name`, with the forms that each may have.

        Raises: SourceError where the layout does not hold such a matrix.
        """
        module = name.removesuffix(".weight")
        try:
            if self.layout is None:
                return self._plain(name, module, self.matrix(shape), transposed)
            return {
                f"{module}{end}": (part,) for end, part in parts_of(self.layout, self.matrix(shape)).items()
            }
        except ValueError as error:
            raise SourceError(
                f"'{module}' is of shape {[*shape]} and stored as {self.layout}: {error}"
            ) from None

    def _plain(
        self, name: str, module: str, matrix: StoredMatrix, transposed: bool
    ) -> dict[str, tuple[HeldTensor, ...]]:
        shape, blocks = (_turned(one, transposed) for one in (matrix.shape, matrix.blocks))
        forms = [blocks, *_short(matrix.blocks)]
        return {
            name: (HeldTensor((DTYPES[self.format],), shape),),
            self.scales_of(module): tuple(HeldTensor(FLOATS, form) for form in forms),
        }

    def scales_of(self, module: str) -> str:
        """The name of the tensor of scales of a module, where its codes are not packed."""
        return f"{module}.{self.scales}"

    def check_whole(self, module: str, shape: Shape, *, outputs_first: bool) -> None:
        """That a matrix of no checkpoint, of a shape as declared, can be stored so.

        Raises: SourceError for inputs of `f4e2m1` that are no whole groups, which its formats do not have,
            and for codes that are no whole bytes.
        """
        inputs, packed = shape[-1 if outputs_first else -2], shape[packed_axis(len(shape))]
        group, format_ = self.block[0], FORMATS[self.format]
        said = ""
        if packed % format_.codes_per_byte:
            said = f"{packed} codes of {self.format} are no whole bytes"
        if self.format == "f4e2m1" and group is not None and inputs % group:
            said = f"{inputs} inputs are no whole groups of {group}"
        if said:
            fits = " and ".join(name for name, one in FORMATS.items() if one.codes_per_byte == 1)
            message = f"'{module}' is of shape {[*shape]}, to be stored as {self.format}: {said}"
            raise SourceError(message, f"{fits} hold any; or take another size")

    def check_part(self, name: str, first: int, last: int, each: int | None, extent: int) -> None:
        """That some outputs of a tensor, of so many, are whole blocks.

        Raises: SourceError where a scale is of outputs inside and outside of the part.
        """
        along = self.block[1]
        if along in (None, 1):
            return
        cut = [one for one in (first, last, each or 0) if one % along and one != extent]
        if cut:
            part = f"{first}..{last}{'' if each is None else f' each {each}'}"
            raise SourceError(
                f"outputs {part} of '{name}' cut a block of {along} outputs that share scales at {cut[0]}",
                "such a model takes wide weights",
            )


def _turned(shape: Shape, transposed: bool) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if transposed else shape


def _short(blocks: Shape) -> list[Shape]:
    """Shapes of fewer axes that scales of these blocks may have: of one number, or one for each output."""
    if blocks == (1, 1):
        return [(), (1,)]
    return [(blocks[-1],)] if blocks[:-1] == (1,) else []
