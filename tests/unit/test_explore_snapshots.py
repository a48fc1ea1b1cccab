"""Snapshots of a study: one that is read step by step is the one that is read anew."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from kl.explore.history import Objective
from kl.explore.parameters import Integer
from kl.explore.space import Space
from kl.explore.studies.distributions import distributions
from kl.explore.studies.snapshot import CLOSED, OWNER, Reader, Snapshot

SPACE = Space((Integer("x", 0, 3),))
GOALS = (Objective("f"),)
OWNED = {OWNER: {"host": "there", "pid": 1, "start": "", "seen": 0.0}}

Event = tuple[str, int]
events = st.lists(
    st.tuples(
        st.sampled_from(["queue", "begin", "ticket", "strange", "end", "prune", "fail", "close"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


def happen(study: optuna.Study, event: Event) -> None:
    """Something happens to a study: a trial is made with a point, or a running one ends."""
    what, number = event
    storage, params = study._storage, {"x": number % 4}
    match what:
        case "queue":
            study.enqueue_trial(params)
        case "begin" | "ticket" | "strange":
            known = {"begin": params, "ticket": {}, "strange": {"y": number}}[what]
            kinds = {**distributions(SPACE), "y": optuna.distributions.IntDistribution(0, 9)}
            template = create_trial(
                state=TrialState.RUNNING,
                params=known,
                distributions={name: kinds[name] for name in known},
                user_attrs=OWNED,
            )
            storage.create_new_trial(study._study_id, template)
        case _:
            running = study.get_trials(states=(TrialState.RUNNING,))
            if running:
                trial = running[number % len(running)]
                if what == "close":
                    storage.set_trial_user_attr(trial._trial_id, CLOSED, "why")
                states = {"end": TrialState.COMPLETE, "prune": TrialState.PRUNED}
                values = [float(number)] if what == "end" else None
                storage.set_trial_state_values(trial._trial_id, states.get(what, TrialState.FAIL), values)


def stores() -> dict[str, Callable[[], optuna.storages.BaseStorage]]:
    return {
        "memory": optuna.storages.InMemoryStorage,
        "database": lambda: optuna.storages.get_storage("sqlite:///:memory:"),
    }


@pytest.mark.parametrize("kind", ["memory", "database"])
@settings(max_examples=25, deadline=None)
@given(events)
def test_what_is_read_step_by_step_is_what_is_read_at_once(kind: str, happened: list[Event]):
    study = optuna.create_study(storage=stores()[kind]())
    kept, last = Reader(SPACE, GOALS), None
    for event in happened:
        happen(study, event)
        trials = study.get_trials(deepcopy=False)
        now: Snapshot = kept.read(trials)
        assert now == Reader(SPACE, GOALS).read(trials)
        assert now.count == len(trials)
        assert now.different == len(
            {t.point["x"] for t in now.ended} | {p["x"] for p in now.pending.values()}
        )
        assert last is None or now.ended[: len(last.ended)] == last.ended
        wanted = [point["x"] for point in now.wanted]
        assert len(set(wanted)) == len(wanted)
        assert not set(wanted) & ({t.point["x"] for t in now.ended} | {p["x"] for p in now.pending.values()})
        numbers = {t.number for t in now.ended} | {t.number for t in now.running} | set(now.closed)
        assert numbers == set(range(len(trials)))
        last = now


def test_a_reader_of_another_study_begins_anew():
    reader = Reader(SPACE, GOALS)
    for count in (3, 2):
        study = optuna.create_study()
        for number in range(count):
            study.add_trial(
                create_trial(values=[1.0], params={"x": number}, distributions=distributions(SPACE))
            )
        assert [trial.point["x"] for trial in reader.read(study.trials).ended] == list(range(count))
