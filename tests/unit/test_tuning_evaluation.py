"""From a point to its outcome: the same numbers as `kl time`, whatever was evaluated before."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kl.backends.sn40l.usage import MEASURES
from kl.backends.targets import Choice, TargetError
from kl.explore.outcome import Outcome
from kl.explore.space import Point
from kl.tools.diagnostics import InputError
from kl.tools.tuning.evaluation import (
    KEPT_MODULES,
    MappingEvaluation,
    Source,
    Workbench,
    tuned_module,
    workbench,
)
from kl.tools.tuning.space import choice_pipeline, default_template, mapping_space

ROOT = Path(__file__).parents[2]
TINY = Source(str(ROOT / "examples/llama3_tiny.kl"))
MINI = Source(str(ROOT / "examples/mini.kl"), (("layers", 3),))
SMALL = Source(MINI.path, MINI.parameters, (("pmus", 40), ("pcus", 40), ("grid_columns", 5)))


def evaluation(source: Source, *objectives: str) -> MappingEvaluation:
    """All knobs of a model on one socket."""
    template = default_template(1)
    mapping = mapping_space(template, tuned_module(source, template))
    return MappingEvaluation(source, mapping, objectives or ("latency", "units"))


def fresh(evaluate: MappingEvaluation, point: Point) -> Outcome:
    """An outcome for which no module was kept."""
    workbench.cache_clear()
    return evaluate(point)


def test_the_order_of_points_does_not_matter():
    """Modules are kept for points that begin alike; each outcome is that of a fresh start."""
    evaluate = evaluation(MINI)
    points = evaluate.mapping.space.sample(np.random.default_rng(3), 12)
    points = [*points, *points[::-1], *points, *({**point, "prefetch-weights": False} for point in points)]
    for point in points:
        if not point["prefetch-weights"]:
            point.pop("prefetch-weights.percent", None)
    workbench.cache_clear()
    kept = [evaluate(point) for point in points]
    assert kept == [fresh(evaluate, point) for point in points]


def test_a_pickled_evaluation_gives_the_same():
    evaluate = evaluation(MINI)
    point = evaluate.mapping.default_point()
    assert pickle.loads(pickle.dumps(evaluate))(point) == evaluate(point)


def test_only_what_comes_up_again_is_kept():
    bench = Workbench(workbench(MINI).ctx, workbench(MINI).module)
    for percent in range(10, 50):
        bench.lower(
            choice_pipeline(Choice()).replace("allocate-units", f"allocate-units{{percent={percent}}}")
        )
    assert len(bench._kept) == 1  # pyright: ignore[reportPrivateUsage]
    for percent in range(10, 50):
        for _ in range(2):
            text = f"outline-kernels,loop-kernels{{min-count={percent}}},merge-identical-kernels"
            assert bench.lower(text).error is None
    assert len(bench._kept) == KEPT_MODULES  # pyright: ignore[reportPrivateUsage]


def test_the_kernels_that_points_share_are_formed_once():
    found = workbench(MINI)
    bench = Workbench(found.ctx, found.module, found.forming)
    bench.lower(choice_pipeline(Choice()))
    (kept,) = bench._kept  # pyright: ignore[reportPrivateUsage]
    assert [one.name for one in kept][-1] == "loop-kernels"


def full(evaluate: MappingEvaluation, point: Point) -> Outcome:
    """The outcome where every pass runs up to the one that refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kl.tools.tuning.evaluation._check_room", lambda module, rest: None)
        return fresh(evaluate, point)


@pytest.mark.parametrize("spill", [False, True])
def test_too_little_memory_is_refused_at_once_and_as_it_is_behind_all_passes(spill: bool):
    template = default_template(1, spill=spill)
    mapping = mapping_space(template, tuned_module(MINI, template))
    generator, refused = np.random.default_rng(5), 0
    for point in mapping.space.sample(generator, 24):
        if generator.integers(3):
            point = {**point, "retain-weights": False}
            point.pop("retain-weights.percent", None)
        memories = {"hbm_bytes": int(generator.integers(1, 120)) * (16 if spill else 512)}
        memories["ddr_bytes"] = int(generator.choice([1024, 65536, 1 << 40]))
        evaluate = MappingEvaluation(MINI.changed(memories), mapping, ("latency",))
        early, late = fresh(evaluate, point), full(evaluate, point)
        assert (early.status, early.message, early.values) == (late.status, late.message, late.values)
        assert early.slacks.items() <= late.slacks.items()
        refused += early.slacks.keys() == {"hbm"}
    assert 3 < refused < 24


def test_measures_are_those_of_the_program():
    evaluate = evaluation(TINY, *MEASURES)
    default = evaluate(evaluate.mapping.default_point())
    assert default.values is not None
    found = dict(zip(MEASURES, default.values, strict=True))
    assert found == {name: default.details[name] for name in MEASURES}
    assert found["units"] == found["pcus"] + found["pmus"]
    assert found["pcus"] == found["pmus"] == 1040 * 90 // 100
    assert 0 < found["sram"] <= found["pmus"] * 512 * 1024
    assert default.status == "feasible"
    assert default.slacks.keys() == {"pcus", "pmus", "links", "hbm"}
    assert all(slack < 0 for slack in default.slacks.values())


def test_a_call_of_several_steps_is_measured_by_the_step():
    evaluate = evaluation(TINY, "latency", "hbm")
    looped = evaluate.mapping.pipeline(evaluate.mapping.default_point())
    stepped = looped.replace(",convert-kernel", ",loop-steps{steps=8},convert-kernel")
    one, eight = (evaluate.outcome(TINY, pipeline).values for pipeline in (looped, stepped))
    assert one is not None
    assert eight is not None
    assert eight[0] < one[0]
    assert eight[1] == pytest.approx(one[1], rel=0.05)


def test_fewer_units_are_used_and_less_is_loaded_ahead():
    evaluate = evaluation(TINY.changed({"pmu_bytes": 8192}), "pcus", "pmus", "sram")
    point = evaluate.mapping.default_point()
    large, small = evaluate(point), evaluate({**point, "allocate-units.percent": 20})
    shallow = evaluate({**point, "prefetch-weights.percent": 1})
    assert large.values is not None
    assert small.values is not None
    assert shallow.values is not None
    assert small.values[0] == large.values[0]
    assert small.values[1] == 1040 * 20 // 100
    assert shallow.values[:2] == large.values[:2]
    assert shallow.values[2] < large.values[2]


def test_resident_weights_count_as_units_and_as_sram():
    """Each weight has the PMUs that read a tile of 64 x 32 elements in a cycle, at 64 bytes each."""
    evaluate = evaluation(MINI, "pmus", "sram", "hbm")
    point = {**evaluate.mapping.default_point(), "allocate-units.percent": 10}
    streamed = evaluate(point)
    resident = evaluate({**point, "retain-weights": True, "retain-weights.percent": 100})
    assert streamed.values is not None
    assert resident.values is not None
    assert streamed.values[0] == 104
    sizes = [3 * 64 * 64 * 2, 64 * 256 * 2]
    assert resident.values[0] == len(sizes) * 64 * 32 * 2 // 64
    assert resident.values[1] == sum(sizes)
    assert resident.values[2] < streamed.values[2]


def test_what_does_not_fit_is_infeasible_with_its_message_and_slacks():
    evaluate = evaluation(SMALL)
    point = {
        **evaluate.mapping.default_point(),
        "allocate-units.percent": 4,
        "allocate-units.pcu-percent": 100,
    }
    evaluate = replace(evaluate, source=evaluate.source.changed({"rdn_bytes_per_cycle": 1}))
    outcome = evaluate(point)
    assert outcome.status == "infeasible"
    assert outcome.values is None
    assert "bytes a cycle on the link" in outcome.message
    assert outcome.slacks["links"] > 0
    assert outcome.slacks["pmus"] <= 0
    assert str(outcome.details["pipeline"]).startswith("shard-tensors{sockets=1},outline-kernels")


def test_too_few_units_are_known_by_how_many():
    evaluate = evaluation(MINI)
    point = evaluate.mapping.default_point()
    cramped = replace(evaluate, source=MINI.changed({"pmus": 1, "pcus": 2}))
    outcome = cramped({**point, "loop-kernels": False})
    assert outcome.status == "infeasible"
    assert outcome.message.startswith("@block has 3 stages, the machine 2 PCUs")
    assert outcome.slacks["pcus"] == 1


def test_a_model_that_does_not_fit_memory_is_short_of_bytes():
    evaluate = evaluation(MINI)
    small = replace(evaluate, source=MINI.changed({"hbm_bytes": 4096}))
    outcome = small(evaluate.mapping.default_point())
    assert outcome.status == "infeasible"
    assert outcome.slacks["hbm"] == pytest.approx(3 * 64 * 64 * 2 + 64 * 256 * 2 - 4096, rel=0.1)


def test_a_machine_may_be_part_of_a_point():
    evaluate = evaluation(TINY, "latency")
    evaluate = replace(evaluate, machine=("hbm_bandwidth",))
    point = evaluate.mapping.default_point()
    slow, fast = (evaluate({**point, "hbm_bandwidth": width}) for width in (10**11, 4 * 10**12))
    assert slow.values is not None
    assert fast.values is not None
    assert slow.values > fast.values


def test_a_position_outside_the_context_is_an_error_of_the_command():
    evaluate = replace(evaluation(TINY), position=64)
    with pytest.raises(TargetError, match="positions 0 to 63"):
        evaluate(evaluate.mapping.default_point())


def test_an_input_with_kernels_is_not_tuned(tmp_path: Path):
    path = tmp_path / "kernels.mlir"
    path.write_text("kernel.schedule @step() {\n  kernel.return\n}\n", encoding="utf-8")
    with pytest.raises(InputError, match="has its kernels already"):
        workbench(Source(str(path)))


def test_a_model_that_is_split_keeps_its_sockets(tmp_path: Path):
    path = tmp_path / "split.mlir"
    split = workbench(TINY.changed({"sockets": 2})).lower("shard-tensors")
    path.write_text(str(split.module), encoding="utf-8")
    assert workbench(Source(str(path))).lower(choice_pipeline(Choice())).error is None
    with pytest.raises(InputError, match="is made for 2 sockets already"):
        workbench(Source(str(path), (), (("sockets", 4),)))


def test_a_machine_that_cannot_be_is_an_error():
    with pytest.raises(InputError, match="unknown machine parameter 'pcu'"):
        workbench(MINI.changed({"pcu": 3}))
