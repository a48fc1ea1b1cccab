"""xDSL's parser, made to read back what is printed, and what `mlir-opt` prints.

What xDSL's own parser refuses or reads as something else: escaped UTF-8 in strings, numbers given by their
bits (`exact_numbers.py`), locations that are defined below their use, metadata of fused locations, attributes
of the unnamed arguments of a declaration, and resources whose names an earlier text has used.
"""

from __future__ import annotations

import re
from typing import Literal, overload

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FusedLoc, LocationAttr, NoneAttr, UnregisteredOp
from xdsl.ir import Attribute, Operation, TypeAttribute
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser, ParserState
from xdsl.traits import SingleBlockImplicitTerminator
from xdsl.utils.lexer import Input
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRToken, MLIRTokenKind, StringLiteral

from .exact_numbers import NumberParser


class ExactLexer(MLIRLexer):
    """Reads a string whose escapes are UTF-8 as a string, and one that is not closed in linear time."""

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')

    def _lex_string_literal(self, start_pos: int) -> MLIRToken:
        token = super()._lex_string_literal(start_pos)
        if token.kind is not MLIRTokenKind.BYTES_LIT or not _is_text(token.span):
            return token
        return MLIRToken(MLIRTokenKind.STRING_LIT, token.span)


def _is_text(span: object) -> bool:
    assert isinstance(span, StringLiteral), "a string's token holds its literal"
    try:
        span.bytes_contents.decode()
    except UnicodeDecodeError:
        return False
    return True


def _end_regions(op: Operation) -> None:
    """Add the terminators that a text leaves out behind operations that nobody knows, which xDSL takes for
    terminators."""
    (trait,) = op.get_traits_of_type(SingleBlockImplicitTerminator)
    for block in (block for region in op.regions for block in region.blocks):
        if isinstance(block.last_op, UnregisteredOp):
            block.add_op(trait.op_type.create())


class _LocatedArgument(Parser.Argument):
    """An argument that keeps its location where xDSL's functions look for it behind the attributes."""

    def __setattr__(self, name: str, value: object) -> None:
        if name != "location" or value is not None:
            super().__setattr__(name, value)


class ExactParser(NumberParser, Parser):
    """Parses a text of which every module that we print reads back as it was."""

    _LOCATION_ALIAS = re.compile(r"^[ \t]*(#[\w$.-]+)\s*=\s*loc\b", re.MULTILINE | re.ASCII)
    _METADATA = re.compile(r"^[ \t]*\{-#", re.MULTILINE)

    def __init__(self, ctx: Context, text: str, name: str):
        super().__init__(ctx, "", name)
        self._parser_state = ParserState(ExactLexer(Input(text, name)))
        self.end_of_location = -1
        """Where the last location that the text states ends."""
        self._ends_of_aliases: dict[int, int] | None = None
        """Where the definitions that were read ahead begin and end."""
        self._blobs: dict[tuple[str, str], str] | None = None
        """The resources that this text defines."""
        self._is_collecting = False
        """Whether file metadata are read ahead, for their resources."""
        self._handles: dict[tuple[str, str], str] = {}
        """What resources of this text are called in the context."""
        self._unnamed: list[dict[str, Attribute]] = []
        """Attributes of the unnamed arguments of the operation that is parsed."""

    @property
    def is_at_end(self) -> bool:
        """Whether nothing but comments is left to read."""
        return self._is_at(MLIRTokenKind.EOF)

    def _is_at(self, kind: MLIRTokenKind) -> bool:
        return self._current_token.kind is kind

    def parse_operation(self) -> Operation:
        """An operation; of a declaration, with the attributes of its unnamed arguments."""
        outer, self._unnamed = self._unnamed, []
        is_custom = self._current_token.kind is MLIRTokenKind.BARE_IDENT
        op = super().parse_operation()
        if is_custom and op.name == "scf.if":
            _end_regions(op)
        if any(self._unnamed):
            self._keep_attributes(op)
        self._unnamed = outer
        return op

    @overload
    def parse_optional_argument(self, expect_type: Literal[True] = True) -> Parser.Argument | None: ...

    @overload
    def parse_optional_argument(self, expect_type: Literal[False]) -> Parser.UnresolvedArgument | None: ...

    @overload
    def parse_optional_argument(
        self, expect_type: bool = True
    ) -> Parser.UnresolvedArgument | Parser.Argument | None: ...

    def parse_optional_argument(
        self, expect_type: bool = True
    ) -> Parser.UnresolvedArgument | Parser.Argument | None:
        """As xDSL does, with the location of an argument, and remembering the attributes of an unnamed one,
        which xDSL drops. With a location behind them they are dropped here too: xDSL's tests say so."""
        if not expect_type:
            return super().parse_optional_argument(False)
        if not self._is_at(MLIRTokenKind.PERCENT_IDENT):
            self._unnamed.append(self._peek_attributes())
            return None
        argument = super().parse_optional_argument()
        if argument is None or (location := self.parse_optional_location()) is None:
            return argument
        if self._is_at(MLIRTokenKind.L_BRACE):
            self.raise_error("Expected function argument attributes before location.")
        return _LocatedArgument(argument.name, argument.type, location)

    def _peek_attributes(self) -> dict[str, Attribute]:
        """Those of the unnamed argument that begins here."""
        start, attributes = self.pos, dict[str, Attribute]()
        if self.parse_optional_type() is not None:
            attributes = self.parse_optional_dictionary_attr_dict()
            if self.parse_optional_location() is not None:
                attributes = {}
        self._resume_from(start)
        return attributes

    def _keep_attributes(self, op: Operation) -> None:
        if not isinstance(op, IRDLOperation) or "arg_attrs" not in op.get_irdl_definition().properties:
            self.raise_error(f"'{op.name}' has no place for the attributes of its arguments")
        results = op.properties.pop("res_attrs", None)
        op.properties["arg_attrs"] = ArrayAttr(DictionaryAttr(one) for one in self._unnamed)
        if results is not None:
            op.properties["res_attrs"] = results

    @overload
    def _parse_extended_type_or_attribute(
        self, attr_or_dialect_name: str, is_type: Literal[False]
    ) -> Attribute: ...

    @overload
    def _parse_extended_type_or_attribute(
        self, attr_or_dialect_name: str, is_type: Literal[True]
    ) -> TypeAttribute: ...

    def _parse_extended_type_or_attribute(self, attr_or_dialect_name: str, is_type: bool) -> Attribute:
        if (
            self._ends_of_aliases is None
            and f"#{attr_or_dialect_name}" not in self.attribute_aliases
            and not (is_type or "." in attr_or_dialect_name)
            and self._current_token.kind is not MLIRTokenKind.LESS
        ):
            self._define_locations()
        return super()._parse_extended_type_or_attribute(attr_or_dialect_name, is_type)  # pyright: ignore[reportArgumentType,reportCallIssue]  # one overload each

    def _define_locations(self) -> None:
        """Read the locations that are defined below this place, in their order."""
        start, self._ends_of_aliases = self.pos, {}
        places = {m[1]: m.start(1) for m in self._LOCATION_ALIAS.finditer(self.lexer.input.content, start)}
        for name, place in places.items():
            if name not in self.attribute_aliases:
                self._resume_from(place)
                super()._parse_alias_def()
                self._ends_of_aliases[place] = self.pos
        self._resume_from(start)

    def _parse_alias_def(self) -> None:
        if (end := (self._ends_of_aliases or {}).get(self.pos)) is not None:
            self._resume_from(end)
        else:
            super()._parse_alias_def()

    def parse_optional_location(self) -> LocationAttr | None:
        """As xDSL does; remembers where it ends."""
        location = super().parse_optional_location()
        if location is not None:
            self.end_of_location = self.pos
        return location

    def _parse_location(self) -> LocationAttr:
        if self._current_token.text != "fused":
            return super()._parse_location()
        self._consume_token()
        if self.parse_optional_punctuation("<") is None:
            locations = self.parse_comma_separated_list(self.Delimiter.SQUARE, self._parse_location)
            return FusedLoc(tuple(locations), NoneAttr())
        metadata = self.parse_attribute()
        self.parse_punctuation(">")
        locations = self.parse_comma_separated_list(self.Delimiter.SQUARE, self._parse_location)
        return FusedLoc(tuple(locations), metadata)

    def _parse_dialect_resource_handle(self, dialect_name: str, interface: OpAsmDialectInterface) -> str:
        """The name of a resource in the context: another one where an earlier text has used it for
        something else."""
        key = self.parse_identifier_or_str_literal(" for resource handle")
        if (handle := self._handles.get((dialect_name, key))) is not None:
            return handle
        blob = self._defined_blobs().get((dialect_name, key), "")
        handle = key if interface.lookup(key) == blob else interface.declare_resource(key)
        self._handles[dialect_name, key] = handle
        self.dialect_resources.add((dialect_name, handle))
        return handle

    def _defined_blobs(self) -> dict[tuple[str, str], str]:
        """What the file metadata, which stand at the end of a text, define."""
        if self._blobs is None:
            start, self._blobs, self._is_collecting = self.pos, {}, True
            for found in self._METADATA.finditer(self.lexer.input.content):
                self._resume_from(found.end() - 3)
                self._parse_file_metadata_dictionary()
            self._resume_from(start)
            self._is_collecting = False
        return self._blobs

    def _parse_resource(self, dialect_name: str, interface: OpAsmDialectInterface) -> None:
        if self._blobs is None or not self._is_collecting:
            return super()._parse_resource(dialect_name, interface)
        key = self.parse_identifier_or_str_literal(" for resource handle")
        self.parse_punctuation(":")
        self._blobs[dialect_name, key] = self.parse_str_literal()
