"""Optuna's storage in a database, with few statements for an evaluation.

Optuna asks and writes row by row through an object mapper. Here a table takes one statement, and the begin
and the end of an evaluation one transaction each. The rows are the same: whatever reads or writes such a
database works beside it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from weakref import finalize

from optuna.distributions import distribution_to_json
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.orm import Session

TRIALS: Table = models.TrialModel.__table__
PARAMS: Table = models.TrialParamModel.__table__
VALUES: Table = models.TrialValueModel.__table__
USER: Table = models.TrialUserAttributeModel.__table__
SYSTEM: Table = models.TrialSystemAttributeModel.__table__


class Database(RDBStorage):
    """A database as Optuna lays it out. It is closed with the process: a file of SQLite is whole then."""

    def __init__(self, url: str, **options: Any):
        super().__init__(url, **options)
        finalize(self, self.engine.dispose)  # at the end of the process, too

    def end(self, identity: int, ending: FrozenTrial) -> None:
        """Write how a running trial has ended, all at once.

        Raises: UpdateFinishedTrialError where it is not running any more.
        """
        state = {"state": ending.state, "datetime_complete": _utc(ending.datetime_complete)}
        running = (TRIALS.c.trial_id == identity, TRIALS.c.state == TrialState.RUNNING)
        with self.engine.begin() as connection:
            if connection.execute(update(TRIALS).where(*running).values(state)).rowcount == 0:
                raise UpdateFinishedTrialError(f"trial {identity} is not running any more")
            for table, attributes in ((USER, ending.user_attrs), (SYSTEM, ending.system_attrs)):
                before = (table.c.trial_id == identity, table.c.key.in_(list(attributes)))
                connection.execute(delete(table).where(*before))
            _write(connection, identity, ending)

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Session
    ) -> models.TrialModel:
        """What Optuna does to make a trial in a transaction that has locked the study."""
        if template_trial is None or template_trial.intermediate_values:
            return super()._get_prepared_new_trial(study_id, template_trial, session)
        connection, new = session.connection(), template_trial
        moments = {name: _utc(getattr(new, name)) for name in ("datetime_start", "datetime_complete")}
        key = connection.execute(
            insert(TRIALS), {"study_id": study_id, "state": new.state, **moments}
        ).inserted_primary_key
        assert key is not None, "one row has been inserted"
        before = (TRIALS.c.study_id == study_id, TRIALS.c.trial_id < key[0])
        number = connection.scalar(select(func.count(TRIALS.c.trial_id)).where(*before))
        connection.execute(update(TRIALS).where(TRIALS.c.trial_id == key[0]).values(number=number))
        _write(connection, key[0], new)
        return models.TrialModel(trial_id=key[0], number=number, datetime_start=new.datetime_start)


def end_trial(storage: BaseStorage, identity: int, ending: FrozenTrial) -> None:
    """Write how a running trial has ended, its attributes before its state.

    Raises: UpdateFinishedTrialError where it has ended before.
    """
    database = getattr(storage, "_backend", None)
    if isinstance(database, Database):
        return database.end(identity, ending)
    for key, value in ending.user_attrs.items():
        storage.set_trial_user_attr(identity, key, value)
    for key, value in ending.system_attrs.items():
        storage.set_trial_system_attr(identity, key, value)
    storage.set_trial_state_values(identity, ending.state, ending.values)


def _write(connection: Connection, identity: int, trial: FrozenTrial) -> None:
    """Add what a trial holds to the tables that are not the trials' own."""
    for table, rows in _rows(trial).items():
        if rows:
            connection.execute(insert(table), [{"trial_id": identity, **row} for row in rows])


def _rows(trial: FrozenTrial) -> dict[Table, list[dict[str, Any]]]:
    params = [
        {
            "param_name": name,
            "param_value": distribution.to_internal_repr(trial.params[name]),
            "distribution_json": distribution_to_json(distribution),
        }
        for name, distribution in trial.distributions.items()
    ]
    stored = enumerate(map(models.TrialValueModel.value_to_stored_repr, trial.values or ()))
    values = [{"objective": number, "value": value, "value_type": kind} for number, (value, kind) in stored]
    user, system = (
        [{"key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
        for attributes in (trial.user_attrs, trial.system_attrs)
    )
    return {PARAMS: params, VALUES: values, USER: user, SYSTEM: system}


def _utc(moment: datetime | None) -> datetime | None:
    """A local time as Optuna stores it."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
