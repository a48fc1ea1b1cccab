"""What a command line changes of how a model makes tokens: drawn at random, with logits that are read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..backends.runs import Step
from ..passes import load_pass
from .executed import LOGITS
from .output import check_is_file
from .prompt_options import PromptOptions
from .values import HELP_MARK, InputError

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.passes import ModulePass

    from ..backends.tensors import Array
    from .inputs import Input

MOST_SEED = 2**63 - 1


def change_decoding(
    ctx: Context, options: PromptOptions, given: Input, seed: int, steps_per_call: int | None = None
) -> None:
    """Change the end of the steps of a model in place, as the options say.

    Raises: InputError for what is no model any more, for calls of several steps whose logits are to be read,
        and for a file that cannot be written; PassFailedException where a step returns no tokens of logits.
    """
    passes = [*_passes(options, seed)]
    if not passes:
        return
    if options.logits is not None:
        check_is_file("--logits", options.logits)
        _check_folder(options.logits)
        if (steps_per_call or 1) > 1:
            raise InputError(
                f"--logits reads the logits of every step, and a call makes {steps_per_call}{HELP_MARK}"
                "leave out --steps-per-call"
            )
    if options.samples and seed > MOST_SEED:
        raise InputError(f"--seed is {seed}; tokens are drawn by one of up to {MOST_SEED}")
    if given.level != "nn":
        raise InputError(
            f"{given.path} has its kernels already{HELP_MARK}--temperature, --top-k, --top-p and --logits"
            " change how the steps of a model end: give the model, or IR at the nn level"
        )
    for one in passes:
        one.apply(ctx, given.module)


def _passes(options: PromptOptions, seed: int) -> Iterable[ModulePass]:
    if options.samples:
        temperature = 1.0 if options.temperature is None else options.temperature
        kind = load_pass("sample-tokens")
        yield kind(temperature=temperature, top_k=options.top_k, top_p=options.top_p, seed=seed)  # pyright: ignore[reportCallIssue]
    if options.logits is not None:
        yield load_pass("observe-logits")()


def _check_folder(path: str) -> None:
    folder = Path(path).absolute().parent
    if not folder.is_dir() or Path(path).is_dir():
        raise InputError(f"--logits {path} is no file in a folder{HELP_MARK}make the folder, or give a file")


def write_logits(path: str, steps: Sequence[Step]) -> None:
    """Write the logits of all steps as `[steps, batch, vocab]` f32, in the format of `numpy.save`.

    Raises: InputError where the file cannot be written; what was in it stays.
    """
    import numpy as np

    values = [value for step in steps for label, value in step.observed if label == LOGITS]
    try:
        _save(Path(os.path.realpath(path)), np.stack(values).astype(np.float32))
    except OSError as error:
        raise InputError(f"--logits {path} cannot be written: {error.strerror}") from error


def _save(target: Path, values: Array) -> None:
    import numpy as np

    if target.exists() and not target.is_file():  # a device, a pipe
        with target.open("wb") as file:
            np.save(file, values)
        return
    with TemporaryDirectory(dir=target.parent) as folder:  # on the same disk, and gone whatever happens
        whole = Path(folder, "logits.npy")
        np.save(whole, values)
        whole.replace(target)
