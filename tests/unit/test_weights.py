"""Random weights and checkpoints: what they give, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import save
from numpy.testing import assert_array_equal

from kl.backends.parts import Part
from kl.backends.safetensors import CheckpointError
from kl.backends.tensors import Array, TensorSpec, rounded
from kl.backends.weights import WeightError, WeightSpec, load_weights, random_weights


def spec(name="w", shape=(2, 3), dtype="f32", checkpoint="t", **flags) -> WeightSpec:
    """A weight that takes the tensor `t` of a checkpoint."""
    return WeightSpec(name, TensorSpec(shape, dtype), checkpoint, **flags)


def loaded(path: Path, specs: list[WeightSpec]) -> Array:
    """The weight `w` of a checkpoint."""
    return load_weights(path, specs).arrays["w"]


MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


# Random weights.


def test_random_weights_depend_on_name_and_seed_alone():
    a, b = spec("a", (4, 5), "bf16"), spec("b", (4, 5), "bf16")
    weights, again = random_weights([a, b], 1), random_weights([b, a], 1)
    assert_array_equal(weights["a"], again["a"])
    assert_array_equal(weights["b"], again["b"])
    assert not np.array_equal(weights["a"], weights["b"])
    assert not np.array_equal(weights["a"], random_weights([a], 2)["a"])


def test_more_layers_leave_the_first_as_they_are():
    few = random_weights([spec(shape=(2, 4, 5), stacked=True)], 0)["w"]
    many = random_weights([spec(shape=(7, 4, 5), stacked=True)], 0)["w"]
    assert_array_equal(few, many[:2])


def test_random_weights_keep_activations_near_one():
    matrix = random_weights([spec(shape=(400, 50))], 0)["w"]
    norms = random_weights([spec(shape=(8, 400), stacked=True)], 0)["w"]
    assert matrix.std() == pytest.approx(1 / 20, rel=0.05)
    assert norms.mean() == pytest.approx(1, rel=0.05)
    assert (norms > 0).all()


def test_random_weights_have_their_type():
    weight = random_weights([spec(dtype="bf16")], 0)["w"]
    assert TensorSpec((2, 3), "bf16").fits(weight)


# Checkpoints.


@pytest.mark.parametrize("held", ["bf16", "f16", "f32"])
@pytest.mark.parametrize("wanted", ["bf16", "f16", "f32"])
def test_floats_are_converted(tmp_path: Path, held: str, wanted: str):
    tensor = rounded(MATRIX / 7, held)
    path = save(tmp_path / "m.safetensors", {"t": tensor})
    weight = loaded(path, [spec(dtype=wanted)])
    assert weight.tobytes() == rounded(tensor, wanted).tobytes()
    assert TensorSpec((2, 3), wanted).fits(weight)


def test_a_transposed_weight_is_turned(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": MATRIX})
    weight = loaded(path, [spec(shape=(3, 2), transposed=True)])
    assert_array_equal(weight, MATRIX.T)
    assert weight.flags.c_contiguous


def test_a_stack_is_read_layer_by_layer(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {f"l.{i}.t": MATRIX + i for i in range(12)})
    stack = spec(shape=(12, 3, 2), checkpoint="l.{layer}.t", transposed=True, stacked=True)
    weight = loaded(path, [stack])
    assert_array_equal(weight, np.stack([MATRIX.T + i for i in range(12)]))


def test_a_folder_holds_several_files(tmp_path: Path):
    save(tmp_path / "model-1.safetensors", {"t": MATRIX})
    save(tmp_path / "model-2.safetensors", {"u": MATRIX + 1})
    weights = load_weights(tmp_path, [spec(), spec("v", checkpoint="u")]).arrays
    assert_array_equal(weights["v"], MATRIX + 1)
    assert_array_equal(weights["w"], MATRIX)


def refused(path: Path, wanted: WeightSpec, message: str) -> None:
    """Loading fails with a message that matches."""
    with pytest.raises(WeightError, match=message):
        load_weights(path, [wanted])


def test_what_does_not_fit_the_model_is_refused(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"layers.0.t": MATRIX})
    refused(path, spec(checkpoint=None), "weight w has no name in a checkpoint; give it one")
    refused(path, spec(checkpoint="layer.0.t"), "no tensor 'layer.0.t' for weight w; it has 'layers.0.t'")
    refused(path, spec(checkpoint="zzz"), "has no tensor 'zzz' for weight w$")
    named = spec(shape=(3, 2), checkpoint="layers.0.t")
    refused(path, named, r"has shape \(2, 3\); weight w takes \(3, 2\)")
    named = spec(checkpoint="layers.0.t", transposed=True)
    refused(path, named, r"has shape \(2, 3\); weight w takes \(3, 2\)")
    refused(
        path, spec(checkpoint="layers.0.t", dtype="i32"), "weight w is of i32; checkpoints hold floats only"
    )


def test_numbers_beyond_the_type_are_refused(tmp_path: Path):
    large = np.array([[1.0, np.inf, np.nan], [6e4, -7e4, 0.0]], np.float32)
    path = save(tmp_path / "m.safetensors", {"t": large})
    refused(path, spec(dtype="f16"), "has numbers beyond f16, the type of weight w")
    assert_array_equal(load_weights(path, [spec(dtype="f32")]).arrays["w"], large)


@pytest.mark.parametrize("numbers", [np.int64, np.uint8])
def test_tensors_of_other_types_are_refused(tmp_path: Path, numbers: type):
    path = save(tmp_path / "m.safetensors", {"t": np.zeros((2, 3), numbers)})
    with pytest.raises(
        CheckpointError, match=r"tensor 't' of .* is [IU]\d+; weights are read from BF16, F16"
    ):
        load_weights(path, [spec()])


def test_a_missing_file_is_an_operating_system_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        load_weights(tmp_path / "m.safetensors", [spec()])


# Parts of tensors, numbers of layers, constants.


TALL = np.arange(48, dtype=np.float32).reshape(12, 4)
PARTS = {
    "rows": ((Part(0, 5), None), TALL[:5], (Part(5, 12), None)),
    "rows of heads": ((Part(0, 2, 6), None), TALL[[0, 1, 6, 7]], (Part(2, 6, 6), None)),
    "columns": ((None, Part(1, 4)), TALL[:, 1:], (None, Part(0, 1))),
    "columns that alternate": ((None, Part(1, 2, 2)), TALL[:, 1::2], (None, Part(0, 1, 2))),
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("transposed", [False, True])
def test_a_part_of_a_tensor_is_read(tmp_path: Path, name: str, transposed: bool):
    (rows, columns), wanted, (other_rows, other_columns) = PARTS[name]
    path = save(tmp_path / "m.safetensors", {"t": TALL})
    rest = TALL.size // 4 - len(wanted) if rows is not None else 12
    other = spec(
        "v", (rest, 4 if rows is not None else 4 - wanted.shape[1]), rows=other_rows, columns=other_columns
    )
    wanted = wanted.T if transposed else wanted
    one = spec(shape=wanted.shape, transposed=transposed, rows=rows, columns=columns)
    assert_array_equal(loaded(path, [one, other]), wanted)


def test_a_vector_has_rows(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": np.arange(6, dtype=np.float32)})
    parts = [spec(name, (2,), rows=Part(first, first + 2)) for name, first in (("w", 4), ("v", 0), ("u", 2))]
    assert_array_equal(loaded(path, parts), [4, 5])
    refused(path, spec(shape=(6,), columns=Part(0, 1)), r"takes columns 0..1 of tensor 't' .* shape \(6,\)")


def test_parts_that_do_not_fit_are_refused(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": TALL})
    refused(
        path, spec(rows=Part(8, 13)), r"weight w takes rows 8\.\.13 of tensor 't' of .*, of shape \(12, 4\)"
    )
    refused(path, spec(rows=Part(0, 2, 5)), r"takes rows 0\.\.2 each 5 of tensor 't' of .* shape \(12, 4\)")
    half = spec(shape=(5, 4), rows=Part(0, 3, 6))
    refused(path, half, r"has shape \(12, 4\), rows 0\.\.3 each 6, \(6, 4\); weight w takes \(5, 4\)")


def test_no_part_is_a_wrong_part():
    for first, last, each in ((-1, 2, None), (2, 2, None), (0, 4, 3)):
        with pytest.raises(ValueError, match=f"{first}..{last}.* is no part"):
            Part(first, last, each)


def test_layers_have_numbers_in_the_checkpoint(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {f"l.{i}.t": MATRIX + i for i in (1, 3, 7)})
    stack = spec(shape=(3, 2, 3), checkpoint="l.{layer}.t", stacked=True, layers=(3, 7, 1))
    assert_array_equal(loaded(path, [stack]), np.stack([MATRIX + i for i in (3, 7, 1)]))
    with pytest.raises(ValueError, match="w has 3 layers, and numbers for 2"):
        spec(shape=(3, 2, 3), checkpoint="l.{layer}.t", stacked=True, layers=(3, 7))


def test_constants_are_neither_random_nor_read(tmp_path: Path):
    numbers = (0.1, 2.0, -3.0)
    constant = spec("c", (3,), "bf16", None, values=numbers)
    wanted = rounded(np.array(numbers), "bf16")
    assert random_weights([constant], 0)["c"].tobytes() == wanted.tobytes()
    path = save(tmp_path / "m.safetensors", {"t": MATRIX})
    assert load_weights(path, [spec(), constant]).arrays["c"].tobytes() == wanted.tobytes()
    with pytest.raises(ValueError, match="c is a tensor<2xf32>, with 3 numbers"):
        spec("c", (2,), values=numbers)


# Experts.


def experts(tmp_path: Path, count: int = 3, layers: int = 2) -> tuple[Path, Array]:
    """A checkpoint of several files with a tensor an expert, and all of them as a stack."""
    stack = np.arange(layers * count * 20, dtype=np.float32).reshape(layers, count, 4, 5)
    for layer in range(layers):
        files = {f"{layer}.{expert}.w": stack[layer, expert] for expert in range(count)}
        save(tmp_path / f"{layer}.safetensors", files)
    return tmp_path, stack


def test_experts_are_read_one_by_one(tmp_path: Path):
    path, stack = experts(tmp_path)
    flags = {"checkpoint": "{layer}.{expert}.w", "stacked": True}
    turned = loaded(path, [spec(shape=(2, 3, 5, 4), transposed=True, **flags)])
    assert_array_equal(turned, stack.swapaxes(-1, -2))
    parts = [
        spec("w", (2, 3, 5, 2), transposed=True, rows=Part(0, 1, 2), **flags),
        spec("rest", (2, 3, 2, 5), rows=Part(1, 2, 2), **flags),
    ]
    assert_array_equal(loaded(path, parts), stack[:, :, ::2].swapaxes(-1, -2))


def test_experts_outside_of_layers(tmp_path: Path):
    path, stack = experts(tmp_path, layers=1)
    assert_array_equal(loaded(path, [spec(shape=(3, 4, 5), checkpoint="0.{expert}.w")]), stack[0])


def test_a_stack_of_one_tensor_a_layer(tmp_path: Path):
    stack = np.arange(48, dtype=np.float32).reshape(2, 4, 6)
    path = save(tmp_path / "m.safetensors", {"0.w": stack, "1.w": 2 * stack})
    flags = {"checkpoint": "{layer}.w", "stacked": True}
    halves = [
        spec("w", (2, 2, 4, 3), columns=Part(0, 1, 2), **flags),
        spec("up", (2, 2, 4, 3), columns=Part(1, 2, 2), **flags),
    ]
    assert_array_equal(loaded(path, halves)[1], 2 * stack[..., ::2])
    turned = loaded(path, [spec("w", (2, 2, 6, 4), transposed=True, **flags)])
    assert_array_equal(turned[0], stack.swapaxes(-1, -2))


@pytest.mark.parametrize("wanted", [2, 4])
def test_another_number_of_experts_is_one_message(tmp_path: Path, wanted: int):
    path, _ = experts(tmp_path)
    one = spec(shape=(2, wanted, 4, 5), checkpoint="{layer}.{expert}.w", stacked=True)
    refused(
        path,
        one,
        r"another number of experts: the checkpoint has 3 of '0\.{expert}\.w', weight w takes "
        f"{wanted}$",
    )


def test_more_experts_can_be_ignored(tmp_path: Path):
    path, stack = experts(tmp_path)
    one = spec(shape=(2, 2, 4, 5), checkpoint="{layer}.{expert}.w", stacked=True)
    assert_array_equal(load_weights(path, [one], ["*.2.w"]).arrays["w"], stack[:, :2])


def test_a_missing_expert_is_named(tmp_path: Path):
    save(tmp_path / "m.safetensors", {f"{expert}.w": MATRIX for expert in (0, 2)})
    one = spec(shape=(3, 2, 3), checkpoint="{expert}.w")
    refused(tmp_path, one, "the checkpoint has no tensor '1.w' for weight w")


def test_a_weight_without_an_axis_of_experts_is_none():
    with pytest.raises(ValueError, match="which has no experts and their tensors"):
        spec(shape=(2, 3), checkpoint="{layer}.{expert}", stacked=True)


# What of a checkpoint no weight reads.


def unread(path: Path, specs: list[WeightSpec], message: str, *ignore: str) -> str:
    """Loading fails with a message that matches; the way out."""
    with pytest.raises(CheckpointError, match=message) as caught:
        load_weights(path, specs, ignore)
    return caught.value.way_out


def test_tensors_that_no_weight_reads_are_refused(tmp_path: Path):
    biases = {f"layers.{i}.bias": MATRIX for i in range(5)}
    path = save(tmp_path / "m.safetensors", {"t": MATRIX, **biases})
    message = (
        "has tensors that no weight reads: 'layers.0.bias', 'layers.1.bias', 'layers.2.bias' and 2 more$"
    )
    assert "--ignore 'layers.0.bias' leaves it out" in unread(path, [spec()], message)
    unread(path, [spec()], "has a tensor that no weight reads: 'layers.4.bias'$", "layers.[0-3].*")
    weights = load_weights(path, [spec()], ["layers.[0-3].*", "*.4.bias"])
    assert weights.ignored == dict.fromkeys(biases, "all of it")
    assert_array_equal(weights.arrays["w"], MATRIX)


def test_a_pattern_ignores_something(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": MATRIX, "u": MATRIX})
    unread(path, [spec()], r"--ignore 'v\*' matches no tensor of the checkpoint", "u", "v*")
    unread(path, [spec()], "--ignore 't' matches only tensors that the model reads", "u", "t")
    unread(path, [spec()], "--ignore 'U' matches no tensor of the checkpoint", "U")


def test_parts_that_no_weight_reads_are_refused(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": TALL})
    some = spec(shape=(4, 4), rows=Part(0, 2, 6))
    unread(path, [some], r"no weight reads rows 2\.\.6, 8\.\.12 of 12 of tensor 't' of")
    wide = spec(shape=(12, 3), columns=Part(1, 4))
    unread(path, [wide], r"no weight reads columns 0\.\.1 of 4 of tensor 't' of")
    corner = spec(shape=(6, 1), rows=Part(0, 6), columns=Part(0, 1))
    message = r"no weight reads rows 6\.\.12 of 12 in columns 0\.\.1 of 4 of tensor 't' of"
    unread(path, [corner, spec("v", wide.tensor.shape, columns=wide.columns)], message)
    assert load_weights(path, [some], ["t"]).ignored == {"t": "rows 2..6, 8..12 of 12"}


def test_parts_together_are_the_whole(tmp_path: Path):
    """Against the tensor painted piece by piece."""
    rng = np.random.default_rng(0)
    outcomes = set[bool]()
    for number in range(200):
        path = save(tmp_path / f"{number}.safetensors", {"t": TALL})
        specs, painted = list[WeightSpec](), np.zeros(TALL.shape, np.bool_)
        for name in range(rng.integers(1, 6)):
            rows, columns = random_part(rng, 12), random_part(rng, 4)
            at = np.ix_(chosen(rows, 12), chosen(columns, 4))
            painted[at] = True
            specs.append(spec(f"w{name}", TALL[at].shape, rows=rows, columns=columns))
        outcomes.add(bool(painted.all()))
        if painted.all():
            weights = load_weights(path, specs).arrays
            for one in specs:
                at = np.ix_(chosen(one.rows, 12), chosen(one.columns, 4))
                assert_array_equal(weights[one.name], TALL[at])
        else:
            unread(path, specs, "no weight reads (rows|columns) .* of tensor 't'")
    assert outcomes == {False, True}


def random_part(rng: np.random.Generator, extent: int) -> Part | None:
    """A part of an axis, often a large one."""
    if rng.random() < 0.5:
        return None
    each = int(rng.choice([2, 4])) if rng.random() < 0.5 else None
    end = each or extent
    first = int(rng.choice([0, 0, end // 2]))
    return Part(first, int(rng.integers(first + 1, end + 1)), each)


def chosen(part: Part | None, extent: int) -> list[int]:
    """The numbers of a part, one by one."""
    if part is None:
        return [*range(extent)]
    within = [number % (part.each or extent) for number in range(extent)]
    return [number for number, place in enumerate(within) if part.first <= place < part.last]


def test_the_way_out_of_unread_rows_is_of_rows(tmp_path: Path):
    path = save(tmp_path / "m.safetensors", {"t": TALL})
    some, wide = spec(shape=(4, 4), rows=Part(0, 2, 6)), spec(shape=(12, 3), columns=Part(1, 4))
    assert "--ignore 't' leaves those rows out" in unread(path, [some], "no weight reads rows")
    assert "leaves those columns out" in unread(path, [wide], "no weight reads columns")
