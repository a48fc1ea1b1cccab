"""Tiles and channels: what flows between the units of a network, and how tiles cut tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.utils.exceptions import VerifyException

from .nn import element_type_of, expect, shape_of, size_bytes_of


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """A tile without data: it says that something has happened."""

    name = "dataflow.token"


@irdl_attr_definition
class ChannelType(ParametrizedAttribute, TypeAttribute):
    """A queue of tiles of one type: `!dataflow.channel<tensor<1x512xbf16>>`."""

    name = "dataflow.channel"

    tile: Attribute

    def verify(self) -> None:
        if isinstance(self.tile, TokenType):
            return
        static = isinstance(self.tile, TensorType) and self.tile.has_static_shape()
        expect(static, f"a channel of {self.tile}; it takes static tensors or tokens")
        expect(self.tile_bytes > 0, f"a channel of {self.tile}, which has no elements")

    @property
    def tile_bytes(self) -> int:
        """Bytes of one tile, packed; a token has none."""
        return 0 if isinstance(self.tile, TokenType) else size_bytes_of(self.tile)


def tiled_axis(whole: Sequence[int], tile: Sequence[int]) -> tuple[int | None, int]:
    """The axis along which `tile` cuts `whole`, and into how many; (None, 1) where they are equal.

    Raises: VerifyException if they differ in rank, in several axes, or do not divide.
    """
    expect(len(whole) == len(tile), f"tile {tuple(tile)} and {tuple(whole)} differ in rank")
    axes = [axis for axis, (a, b) in enumerate(zip(whole, tile, strict=True)) if a != b]
    if not axes:
        return None, 1
    expect(len(axes) == 1, f"tile {tuple(tile)} cuts {tuple(whole)} along several axes")
    large, small = whole[axes[0]], tile[axes[0]]
    expect(
        0 < small <= large and large % small == 0,
        f"tile extent {small} does not divide extent {large}",
    )
    return axes[0], large // small


@dataclass(frozen=True)
class PortShape:
    """How a stage's input port turns tiles into arguments: `gathered` tiles per group, or `slices` of one."""

    axis: int | None
    gathered: int
    slices: int


def tile_of(channel: SSAValue) -> Attribute:
    """The type of the tiles in a channel."""
    assert isinstance(channel.type, ChannelType), "checked by the op's definition"
    return channel.type.tile


def data_tile_of(channel: SSAValue, whole: Attribute, what: str) -> TensorType[Attribute]:
    """The type of the tiles in a channel that carries parts of `whole`.

    Raises: VerifyException where it carries tokens or tiles of another element type.
    """
    tile = tile_of(channel)
    fits = isinstance(tile, TensorType) and tile.get_element_type() == element_type_of(whole)
    expect(fits, f"{what} is a {whole}, its channel carries {tile}")
    assert isinstance(tile, TensorType), "just checked"
    return tile


def expect_tokens(channels: Sequence[SSAValue], what: str) -> None:
    """Raises: VerifyException where a channel carries anything but tokens."""
    for channel in channels:
        expect(isinstance(tile_of(channel), TokenType), f"{what} needs tokens, not {tile_of(channel)}")


def port_shape(tile: Attribute, argument: Attribute) -> PortShape:
    """Compare a channel's tile with the body's argument; see the dialect's **Ports**.

    Raises: VerifyException where neither divides the other along one axis.
    """
    if tile == argument:
        return PortShape(None, 1, 1)
    message = f"a tile {tile} for an argument {argument}"
    if not isinstance(tile, TensorType) or not isinstance(argument, TensorType):
        raise VerifyException(message)
    expect(tile.get_element_type() == argument.get_element_type(), message)
    tile_shape, argument_shape = shape_of(tile), shape_of(argument)
    expect(len(tile_shape) == len(argument_shape), message)
    if any(a > b for a, b in zip(argument_shape, tile_shape, strict=True)):
        axis, factor = tiled_axis(argument_shape, tile_shape)
        return PortShape(axis, factor, 1)
    axis, factor = tiled_axis(tile_shape, argument_shape)
    return PortShape(axis, 1, factor)
