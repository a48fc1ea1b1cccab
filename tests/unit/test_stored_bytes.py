"""What weights and caches of fewer bits save: the bytes of a step, and that no time is below those."""

import pytest

import kl
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.serialize import parse_program
from kl.dialects.machine import SN40L

TEXT = """model bytes
param context = 128

layer block[2](x[1, 256], position: i32) {{
  weight wk[256, 256]{wide}
  weight up[256, 576]{wide}
  weight down[576, 256]{wide}
  cache keys[1, 2, context, 128]{cache}
  cache values[1, 2, context, 128]{cache}
  k = x @ wk
  append(keys, k, position)
  append(values, k, position)
  x = x + attention(x, keys, values, position)
  return x + (x @ up) @ down
}}

step(x[1, 256], position: i32) {{
  for i in 0..2 {{ x = block[i](x, position) }}
  return x
}}
"""


def read(kind: str, cache: str = "") -> int:
    """The bytes that a step reads of HBM."""
    saved = kl.compile(TEXT.format(wide=kind, cache=cache), resident=False).text("program")
    report = time_step(parse_program(saved), {"position": 5})
    assert report.cycles >= SN40L.hbm_roof_cycles(report.traffic.hbm)
    return report.traffic.hbm_read


NUMBERS = 2 * (256 * 256 + 2 * 256 * 576)


@pytest.mark.parametrize(
    ("kind", "codes", "scales"),
    [
        (": f8e4m3 scale[128, 128]", NUMBERS, 2 * 4 * (2 * 2 + 2 * 2 * 5)),
        (": i4 scale[64, 1]: f16 zeros", NUMBERS // 2, NUMBERS // 64 * 3),
        (": f4e2m1 scale[32, 1]: f8e8m0", NUMBERS // 2, NUMBERS // 32),
        (": f4e2m1 scale[16, 1]: f8e4m3", NUMBERS // 2, NUMBERS // 16 + 2 * 3 * 4),
    ],
)
def test_a_step_reads_codes_and_scales_and_no_more(kind: str, codes: int, scales: int):
    assert read("") - read(kind) == 2 * NUMBERS - codes - scales


def test_a_cache_of_8_bits_is_half_of_the_bytes():
    cache = 2 * 2 * 2 * 128 * 128  # keys and values of two layers: one byte of each two
    assert read("") - read("", ": f8e4m3") == cache
