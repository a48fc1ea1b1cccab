"""Small programs of all forms that the pipeline makes, each proven to do what its model says."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from checkpoint_files import contents
from edits import Document

import kl
from kl.backends.interpreter import weight_specs
from kl.backends.runs import Step
from kl.backends.sn40l.digests import TIES
from kl.backends.sn40l.documents import encode
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.positions import input_regions, position_inputs, timed_position
from kl.backends.sn40l.program import Program, Region
from kl.backends.sn40l.target import SN40L_TARGET
from kl.backends.sn40l.timing import time_program
from kl.backends.targets import Choice, TimeOptions, Timing
from kl.backends.tensors import Array
from kl.backends.weights import WeightSpec, load_weights, random_weights
from kl.tools.checking import as_given
from kl.tools.lowering import default_passes
from kl.tools.pipelines import join_passes
from kl.tools.reference import Reference

MODELS = Path(__file__).parent / "models"
TILES = "tile-stages{tile-bytes=64 least-tiles=3 least-run-bytes=1}"
"""Tiles so small that these small models have several."""
SEED = 3
"""Of weights and inputs."""
TOKENS = "return argmax(logits)"
"""How a step ends that can be one of several in a call."""
OBSERVED = '  observe x as "hidden"\n'
"""The host reads between two calls, so that they are not one."""


@dataclass(frozen=True)
class Form:
    """How a model is compiled."""

    name: str
    keywords: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tiled: bool = True
    """Whether tiles are small."""


PLAIN = Form("plain", tiled=False)
LOOPED = Form("looped")
UNFUSED = Form("unfused", {"fusion": "op", "loop": False, "param": {"layers": 2}})
BLOCKS = Form("blocks", {"fusion": "block", "loop": False, "param": {"layers": 2}})
SINGLE = Form("single", {"single_call": True})
STEPPED = Form("stepped", {"steps_per_call": 3})
STOPPED = Form("stopped", {"steps_per_call": 3, "stop_token": 0})
RESIDENT = Form("resident", {"resident": True})
SINGLE_RESIDENT = Form("single+resident", {"single_call": True, "resident": True})
SPILLED = Form("spilled", {"spill": True, "set": {"hbm_bytes": 4096}})
FEW = Form("few units", {"resident": True, "set": {"pcus": 80, "pmus": 80, "grid_columns": 10}})
TWO = Form("2 sockets", {"sockets": 2})
FOUR = Form("4 sockets", {"sockets": 4})
TWO_STEPPED = Form("2 sockets, stepped", {"sockets": 2, "steps_per_call": 3})
TWO_RESIDENT = Form("2 sockets, resident", {"sockets": 2, "resident": True})
WHOLE_EXPERTS = Form("2 sockets, whole experts", {"sockets": 2, "expert_sharding": "sockets"})
FORMS: Mapping[str, Sequence[Form]] = {
    "decoder": (
        *(LOOPED, PLAIN, UNFUSED, BLOCKS, SINGLE, STEPPED, STOPPED, RESIDENT, SINGLE_RESIDENT, SPILLED, FEW),
        *(TWO, FOUR, TWO_STEPPED, TWO_RESIDENT),
    ),
    "mixture": (LOOPED, UNFUSED, SINGLE, STEPPED, RESIDENT, SPILLED, TWO, WHOLE_EXPERTS),
    "window": (LOOPED, UNFUSED, SINGLE, STEPPED, TWO),
    "stored": (LOOPED, UNFUSED, RESIDENT, TWO),
    "latent": (LOOPED, PLAIN, STEPPED),
    "chain": (PLAIN, LOOPED, RESIDENT),
}
"""The forms of each model of the folder `models`."""
NAMES = tuple(f"{model} {form.name}" for model, forms in FORMS.items() for form in forms)
"""Of all original programs."""


@dataclass(frozen=True)
class Given:
    """What a call takes and gives."""

    position: int
    inputs: tuple[Array, ...]
    """In the order of the model's step."""
    outputs: tuple[Array, ...]
    observed: tuple[tuple[str, Array], ...]
    states: Mapping[tuple[str, int], Array]
    """By name and socket, when the call is over."""
    cycles: int
    made: int


@dataclass(frozen=True)
class Original:
    """A program, and what the text of its model says of some calls with the model's own weights."""

    name: str
    program: Program
    checkpoint: str | None
    """A file of all its weights; None where they are random."""
    calls: tuple[Given, ...]

    @cached_property
    def timing(self) -> Timing:
        """What its last call takes."""
        return time_program(self.program, TimeOptions(), lambda *_: None)

    @cached_property
    def document(self) -> Document:
        """As it is saved, without its digests."""
        whole = encode(self.program)
        del whole["digests"]
        return Document(whole)

    @cached_property
    def digests(self) -> Any:
        """Of the program, as they are saved."""
        return encode(TIES.digests(self.program))


@cache
def original(name: str) -> Original:
    """The program of a name; it is kept until the sources change.

    Raises: AssertionError where it does something else than its model says.
    """
    with (_folder() / name.replace(" ", "-")).open("a+b") as file:
        flock(file, LOCK_EX)  # another process may be making it
        file.seek(0)
        kept = file.read()
        if kept:
            return pickle.loads(kept)
        made = _made(name)
        file.write(pickle.dumps(made))
    return made


@cache
def _folder() -> Path:
    """Where programs of these sources are kept, and the checkpoints of their models."""
    root = MODELS.parents[2]
    sources = [path for name in PACKAGES for path in sorted((root / name).rglob("*.py"))]
    seen = sha256()
    for path in (*sources, Path(__file__), *sorted(MODELS.glob("*.kl"))):
        seen.update(path.read_bytes())
    folder = root / "build/hunt/originals" / seen.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


PACKAGES = ("backends", "dialects", "frontends", "passes", "tools")


def _made(name: str) -> Original:
    """Compile, run and compare with the model."""
    model, _, form = name.partition(" ")
    found = next(one for one in FORMS[model] if one.name == form)
    compiled = _compiled(model, found)
    module = as_given(compiled.compiler, compiled.given, compiled.choice).module
    specs = weight_specs(module)
    checkpoint = _checkpoint(model, specs) if any(spec.checkpoint for spec in specs) else None
    weights = _weights(specs, checkpoint)
    program = compiled.program
    run = _Run(program, weights)
    calls = tuple(_calls(run, Reference(module, run)))
    return Original(name, program, checkpoint, calls)


def _compiled(model: str, form: Form) -> kl.Compilation:
    text, keywords = (MODELS / f"{model}.kl").read_text(), dict(form.keywords)
    if {"steps_per_call", "single_call"} & keywords.keys():
        text = text.replace(OBSERVED, "")
    if "steps_per_call" in keywords:
        text = text.replace(f"{TOKENS}, logits", TOKENS)
    if not form.tiled:
        return kl.compile(text, **keywords)
    left = {name: keywords.pop(name) for name in ("set", "sockets", "param") if name in keywords}
    passes = default_passes(SN40L_TARGET, "nn", "rdu", Choice(**keywords))
    return kl.compile(text, pipeline=join_passes(passes).replace("tile-stages", TILES), **left)


def _weights(specs: Sequence[WeightSpec], checkpoint: str | None) -> Mapping[str, Array]:
    return random_weights(specs, SEED) if checkpoint is None else load_weights(checkpoint, specs, ()).arrays


def _checkpoint(model: str, specs: Sequence[WeightSpec]) -> str:
    """Write the tensors that weights are read from; each tensor holds the parts of all weights of it."""
    shapes: dict[str, tuple[int, ...]] = {}
    for spec in specs:
        shape = _shape_on_disk(spec)
        for name in spec.tensor_names:
            known = shapes.get(name, shape)
            shapes[name] = tuple(map(max, shape, known))
    random = np.random.default_rng(SEED)
    tensors = {name: random.normal(0.0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    path = _folder() / f"{model}.safetensors"
    own = path.with_suffix(f".{os.getpid()}")
    own.write_bytes(contents(tensors))
    own.replace(path)
    return str(path)


def _shape_on_disk(spec: WeightSpec) -> tuple[int, ...]:
    shape = [*spec.tensor_shape]
    if spec.transposed:
        shape[-2:] = shape[:-3:-1]
    for part, axis in ((spec.rows, -2 if len(shape) > 1 else -1), (spec.columns, -1)):
        if part is not None:
            each = None if part.each is None else shape[axis] // (part.last - part.first) * part.each
            shape[axis] = each or part.last
    return tuple(shape)


class _Run:
    """A program in memory as a reference sees it."""

    is_exact = True

    def __init__(self, program: Program, weights: Mapping[str, Array]):
        self.program, self.weights = program, weights
        self.executor = Executor(program, weights)
        self.inputs = program.inputs

    def position_inputs(self, position: int) -> Mapping[str, int]:
        return position_inputs(self.program, position)

    def fed_back(self, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
        tokens = [name for name in self.inputs if name not in self.position_inputs(0)]
        return dict(zip(tokens, outputs.values(), strict=False)) if self.program.steps > 1 else {}

    def read(self, state: str, socket: int) -> Array:
        return self.executor.read(state, socket)


def _calls(run: _Run, reference: Reference) -> Iterator[Given]:
    program = run.program
    for number, position in enumerate(_positions(program)):
        inputs = {region.name: _input(region, number, position) for region in input_regions(program)}
        result = run.executor.step(inputs)
        step = Step(
            position,
            inputs,
            result.outputs,
            result.observed,
            result.report.cycles,
            program.stop_token,
            result.report.steps,
        )
        found = reference.differences(step, program.steps)
        assert not found, f"{program.name}: {', '.join(map(str, found))}"
        states = {
            (region.name, socket): run.read(region.name, socket)
            for region in program.regions
            if region.kind == "state"
            for socket in range(program.machine.sockets)
        }
        outputs = tuple(result.outputs[name] for name in program.outputs)
        yield Given(
            position,
            tuple(inputs[name] for name in program.inputs),
            outputs,
            result.observed,
            states,
            step.cycles,
            step.made,
        )


def _positions(program: Program) -> tuple[int, ...]:
    """The first call, and the last one that there is room for."""
    return (0, timed_position(program, None))


def _input(region: Region, number: int, position: int) -> Array:
    spec = region.tensor
    if region.is_scalar:
        return np.asarray(position, spec.numpy_dtype)
    if spec.is_integer:
        return ((np.arange(spec.elements) * 7 + 5 * number + 1) % 11).astype(np.int32).reshape(spec.shape)
    return np.random.default_rng([SEED, number]).normal(size=spec.shape).astype(spec.numpy_dtype)
