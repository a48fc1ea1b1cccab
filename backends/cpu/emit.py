"""From the kernel level to C: a function a kernel, loops as loops, threads that share each operation."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import ModuleOp

from ...dialects.cpu_machine import CpuMachine
from . import products, rows, stored
from .body import Program
from .elements import EXPRESSIONS, emit_elements
from .kernel_emitter import Emitter, KernelEmitter
from .layouts import layouts_of
from .source import KernelFunction, Source

OPERATIONS: Mapping[str, Emitter] = {
    **dict.fromkeys(EXPRESSIONS, emit_elements),
    "nn.argmax": rows.argmax,
    "nn.attention": products.attention,
    "nn.concat": rows.concat,
    "nn.dequantize": stored.dequantize,
    "nn.distinct": rows.distinct,
    "nn.embedding": rows.embedding,
    "nn.gather_slices": rows.gather_slices,
    "nn.head_matmul": products.head_matmul,
    "nn.layer_norm": rows.norm,
    "nn.matmul": products.matmul,
    "nn.rms_norm": rows.norm,
    "nn.rms_scale": rows.rms_scale,
    "nn.sample": rows.sample,
    "nn.scale": rows.scale,
    "nn.slice": rows.slice_columns,
    "nn.softmax": rows.softmax,
    "nn.spread": rows.spread,
    "nn.square_sum": rows.square_sum,
    "nn.sum": rows.square_sum,
    "nn.take": rows.take,
    "nn.top_k": rows.top_k,
}
"""What writes an operation that has one result."""


MOST_THREADS = CpuMachine.bound_of("threads")[0]
_OPEN = """\
/* What each thread has for itself beside the values of kernels. */
static double *kl_scratch[{threads}];

/* Have calls run by so many threads; 0, or an error of the system. */
int kl_open(int threads) {{
  static int started;
  if (threads == started) return 0;
  kl_stop();
  for (int i = 0; i < threads; i++)
    if (!kl_scratch[i] && posix_memalign((void **)&kl_scratch[i], 64, {numbers} * sizeof(double)))
      return ENOMEM;
  int error = kl_start(threads);
  started = error ? 0 : threads;
  return error;
}}"""


def emit_source(module: ModuleOp) -> Source:
    """The C of all kernels of a module at the kernel level.

    Raises: UnsupportedError for an operation or a type that has no C form.
    """
    program, functions, texts = Program(), dict[str, KernelFunction](), list[str]()
    for kernel, layouts in layouts_of(module).items():
        function, text = KernelEmitter(program, kernel, layouts, OPERATIONS).emit()
        functions[kernel.sym_name.data] = function
        texts.append(text)
    parts = [_OPEN.format(threads=MOST_THREADS, numbers=program.scratch), *program.tables.values(), *texts]
    return Source("\n\n".join(parts) + "\n", functions, tuple(program.messages))
