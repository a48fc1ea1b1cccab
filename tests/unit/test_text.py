"""Text that reads back: parse(print(m)) is m, and what `mlir-opt` prints is read as it stands."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_ir import Modules
from text_checks import FORMS, open_context, printed, text_findings
from xdsl.dialects.builtin import ModuleOp, UnknownLoc
from xdsl.utils.exceptions import ParseError, VerifyException

from kl.frontends import decode
from kl.frontends.located_parser import LocatedParser
from kl.tools.chunks import forget_resources, split
from kl.tools.driver import check_module
from kl.tools.kl_opt import main

CONTEXT = open_context()
ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in ROOT.glob("tests/**/*.mlir"))
MLIR_OPT = shutil.which("mlir-opt-19") or shutil.which("mlir-opt")


def parsed(text: str) -> ModuleOp:
    """The module of a text of its own."""
    forget_resources(CONTEXT)
    return LocatedParser(CONTEXT, text, "given.mlir").parse_module()


def shown(text: str, **form: bool) -> str:
    """A text as it is printed again."""
    return printed(CONTEXT, parsed(text), **form)


def judged(text: str) -> str:
    """What `mlir-opt` prints, with locations."""
    assert MLIR_OPT is not None
    command = [MLIR_OPT, "--allow-unregistered-dialect", "--mlir-print-debuginfo"]
    run = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    assert run.returncode == 0, f"{run.stderr}\n{text}"
    return run.stdout


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_every_module_reads_back(seed: int):
    forget_resources(CONTEXT)
    assert list(text_findings(CONTEXT, Modules(Random(seed), CONTEXT).module())) == []


@cache
def modules_of_files() -> list[ModuleOp]:
    """What the tests' files hold, of that which is right."""
    found: list[ModuleOp] = []
    for path in FILES:
        for data, _ in split(path.read_bytes()):
            try:
                module = LocatedParser(CONTEXT, decode(data, path.name), path.name).parse_module()
                check_module(module)
            except (ParseError, VerifyException):
                continue
            found.append(module)
    return found


def test_every_file_of_the_tests_reads_back():
    modules = modules_of_files()
    assert len(modules) > 100
    assert [finding for module in modules for finding in text_findings(CONTEXT, module, FORMS[1::2])] == []


@pytest.mark.skipif(MLIR_OPT is None, reason="mlir-opt is not installed")
def test_mlir_opt_takes_the_generic_forms_and_we_take_what_it_prints():
    modules = [Modules(Random(seed), CONTEXT, is_mlir=True).module() for seed in range(12)]
    files = [one for one in modules_of_files() if "equivalence." not in str(one)]  # e-classes are xDSL's
    for module in [*modules, *files[::16]]:
        first = judged(printed(CONTEXT, module, print_generic_format=True, print_debuginfo=True))
        again = parsed(first)
        assert judged(printed(CONTEXT, again, print_generic_format=True, print_debuginfo=True)) == first


@pytest.mark.parametrize(
    "attribute",
    [
        "dense<[0x4B800000, 1.000000e+00]> : tensor<2xf32>",
        'dense<"0x01C07F7F010080FF"> : tensor<2xf32>',
        "dense<[0x7fc00000, 0xff800000]> : tensor<2xf32>",
        "dense<(0x7fc00000,1.000000e+00)> : tensor<1xcomplex<f32>>",
        'dense<"0x0000000000000080"> : tensor<2xf32>',
        "array<f32: 0x7f800001, 0x3f800000>",
        "array<bf16: 0x7fc0, 0xff80>",
        "0xfff8000000000001 : f64",
        "1.000000e-01 : f128",
        "0x7FFF8000000000000000 : f80",
        '"h\\C3\\B6he"',
        '"\\FF"',
        '@"h\\C3\\B6he"::@"a b"',
        "#t.raw<a\n     b>",
        'loc(fused<{a = loc("f":1:2)}>["g":3:4, unknown])',
    ],
)
def test_an_attribute_is_printed_as_it_was_written(attribute: str):
    assert attribute in shown(f'"t.o"() {{"k\\C3\\A9" = {attribute}}} : () -> ()')


@pytest.mark.parametrize(
    ("attribute", "again"),
    [
        ("dense<[16777216.0, 1.0]> : tensor<2xf32>", "dense<[0x4B800000, 1.000000e+00]>"),
        ("dense<[0x7F800001, 1.0]> : tensor<2xf32>", 'dense<"0x0100807F0000803F">'),
        ("dense<[-0.0, 0.0]> : tensor<2xf32>", 'dense<"0x0000008000000000">'),
        ("0x3FFF8000000000000000 : f80", "1.000000e+00 : f80"),
        ("0x3FFF0000000000000000000000000000 : f128", "1.000000e+00 : f128"),
        ('"höhe"', '"h\\C3\\B6he"'),
        (
            'dense<"0x0200"> : tensor<9xi1>',
            "dense<[false, true, false, false, false, false, false, false, ",
        ),
        ('dense<"0xFFFF0F010000"> : tensor<2xi20>', "dense<[-1, 1]> : tensor<2xi20>"),
    ],
)
def test_an_attribute_is_read_for_what_it_says(attribute: str, again: str):
    assert again in shown(f'"t.o"() {{k = {attribute}}} : () -> ()')


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("dense<[-0x7F800001]> : tensor<1xf32>", "the bits of a float have no sign of their own"),
        ("dense<0x17F800001> : tensor<1xf32>", "hexadecimal float constant out of range for type"),
        ("array<f16: 0x12345>", "hexadecimal float constant out of range for type"),
        ("0x3FFF8000000000000001 : f80", "no f64, which holds what is f80 here, has these bits"),
    ],
)
def test_bits_that_are_none_of_the_type_are_refused(attribute: str, message: str):
    with pytest.raises(ParseError, match=message):
        parsed(f'"t.o"() {{k = {attribute}}} : () -> ()')


@pytest.mark.parametrize(
    "function",
    [
        "func.func private @f(i32 {t.a}, i32) -> (i32 {t.b = 1 : i32})",
        "func.func private @f(i32 {t.a}) -> ()",
        'func.func private @"h\\C3\\B6he"(i32)',
    ],
)
def test_a_declaration_keeps_the_attributes_of_arguments_and_results(function: str):
    assert function in shown(function)


def test_a_named_argument_of_a_declaration_keeps_its_attributes():
    assert "@f(i32 {t.a}) -> (i32 {t.b})" in shown("func.func private @f(%x: i32 {t.a}) -> (i32 {t.b})")


def test_a_form_that_leaves_attributes_out_is_not_used():
    text = shown(
        'func.func @f() -> (() -> i32) {\n  %f = "t.f"() : () -> (() -> i32)\n  return %f : () -> i32\n}'
    )
    assert '"func.func"' in text
    assert "func.return %f" in text


IF = "%c = arith.constant true\nscf.if %c {{\n  {}\n}}"


@pytest.mark.parametrize("last", ['"t.o"() : () -> ()', "", "scf.yield", "scf.yield {a}"])
def test_the_terminator_that_a_text_leaves_out_is_there(last: str):
    module = parsed(IF.format(last))
    module.verify()
    assert ("scf.yield {a}" in printed(CONTEXT, module)) == (last == "scf.yield {a}")
    assert list(text_findings(CONTEXT, module)) == []


def test_locations_are_defined_below_their_use():
    text = (
        '"t.o"() : () -> () loc(#loc3)\n'
        '#loc1 = loc("a.py":1:2)\n#loc2 = loc("g"(#loc1))\n'
        '#loc3 = loc(callsite(#loc2 at fused<"m">[#loc1]))\n'
    )
    stated = 'loc(callsite("g"("a.py":1:2) at fused<"m">["a.py":1:2]))'
    assert f'"t.o"() : () -> () {stated}' in shown(text, print_debuginfo=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"t.o"() : () -> () loc(#loc)', "undefined symbol alias '#loc'"),
        ('"t.o"() : () -> () loc(#a)\n#a = loc("x"(#a))', "undefined symbol alias '#a'"),
        ('"t.o"() {k = #a} : () -> ()\n#a = 1', "undefined symbol alias '#a'"),
    ],
)
def test_what_is_no_location_is_not_read_ahead(text: str, message: str):
    with pytest.raises(ParseError, match=message):
        parsed(text)


def test_a_stated_unknown_location_stays_unknown():
    stated, unstated = parsed('"t.o"() : () -> () loc(unknown)\n"t.o"() : () -> ()').ops
    assert stated.location == UnknownLoc()
    assert unstated.location != UnknownLoc()


def test_names_that_printers_count_do_not_meet():
    values = '%x_1_2 = "t.o"() : () -> i32\n%x = "t.o"() : () -> i32\n%y, %x_7 = "t.o"() : () -> (i32, i32)'
    assert list(text_findings(CONTEXT, parsed(values))) == []


RESOURCE = """"t.o"() {{k = dense_resource<b> : tensor<1xi8>}} : () -> ()
{{-# dialect_resources: {{builtin: {{b: "0x{}"}}}} #-}}
"""


def test_a_second_text_may_name_its_resources_as_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "two.mlir"
    path.write_text(f"// -----\n{RESOURCE.format('01')}// -----\n{RESOURCE.format('02')}// -----", "utf-8")
    assert main([str(path), "--split-input-file", "--allow-unregistered-dialect"]) == 0
    pieces = capsys.readouterr().out.split("// -----\n")
    assert [piece.count("dense_resource<b>") for piece in pieces] == [0, 1, 1, 0]
    assert 'b: "0x01"' in pieces[1]
    assert 'b: "0x02"' in pieces[2]


def test_a_resource_of_another_text_is_not_taken_for_ours():
    forget_resources(CONTEXT)
    first, second = (
        LocatedParser(CONTEXT, RESOURCE.format(one), "x.mlir").parse_module() for one in ("01", "02")
    )
    assert 'b: "0x01"' in printed(CONTEXT, first)
    assert 'b_0: "0x02"' in printed(CONTEXT, second)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (b"// header\n\n// -----\nx", [(b"// header\n\n", 0), (b"\nx", 2)]),
        (b'a = "// -----"\n// -----', [(b'a = "// -----"\n', 0), (b"", 1)]),
    ],
)
def test_pieces_begin_outside_strings(text: bytes, pieces: list[tuple[bytes, int]]):
    assert list(split(text)) == pieces


def test_a_byte_order_mark_is_no_text():
    assert decode(b"\xef\xbb\xbffunc.func", "x.mlir") == "func.func"
