"""Optuna's storage in a database, with few statements for an evaluation.

Optuna asks and writes row by row through an object mapper. Here a table takes one statement, and the begin
and the end of an evaluation one transaction each. The rows are the same: whatever reads or writes such a
database works beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

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
    """A database as Optuna lays it out."""

    def end(self, identity: int, ending: FrozenTrial) -> None:
        """Write how a running trial has ended, all at once.

        Raises: UpdateFinishedTrialError where it is not running any more.
        """
        state = {"state": ending.state, "datetime_complete": _utc(ending.datetime_complete)}
        running = (TRIALS.c.trial_id == identity, TRIALS.c.state == TrialState.RUNNING)
        stored = map(models.TrialValueModel.value_to_stored_repr, ending.values or ())
        values = [
            {"objective": k, "value": value, "value_type": kind} for k, (value, kind) in enumerate(stored)
        ]
        with self.engine.begin() as connection:
            if connection.execute(update(TRIALS).where(*running).values(state)).rowcount == 0:
                raise UpdateFinishedTrialError(f"trial {identity} is not running any more")
            for table, attributes in ((USER, ending.user_attrs), (SYSTEM, ending.system_attrs)):
                of_before = (table.c.trial_id == identity, table.c.key.in_(list(attributes)))
                if attributes:
                    connection.execute(delete(table).where(*of_before))
                _insert(connection, table, identity, _attributes(attributes))
            _insert(connection, VALUES, identity, values)

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Session
    ) -> models.TrialModel:
        """What Optuna does to make a trial in a transaction that has locked the study."""
        if template_trial is None or template_trial.state != TrialState.RUNNING:
            return super()._get_prepared_new_trial(study_id, template_trial, session)
        connection, start = session.connection(), template_trial.datetime_start
        row = {"study_id": study_id, "state": template_trial.state, "datetime_start": _utc(start)}
        key = connection.execute(insert(TRIALS), row).inserted_primary_key
        assert key is not None, "one row has been inserted"
        (identity,) = key
        before = (TRIALS.c.study_id == study_id, TRIALS.c.trial_id < identity)
        number = connection.scalar(select(func.count(TRIALS.c.trial_id)).where(*before))
        connection.execute(update(TRIALS).where(TRIALS.c.trial_id == identity).values(number=number))
        _insert(connection, PARAMS, identity, _params(template_trial))
        _insert(connection, USER, identity, _attributes(template_trial.user_attrs))
        return models.TrialModel(trial_id=identity, number=number, datetime_start=start)


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


def _params(trial: FrozenTrial) -> list[dict[str, Any]]:
    return [
        {
            "param_name": name,
            "param_value": distribution.to_internal_repr(trial.params[name]),
            "distribution_json": distribution_to_json(distribution),
        }
        for name, distribution in trial.distributions.items()
    ]


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]


def _insert(connection: Connection, table: Table, trial: int, rows: list[dict[str, Any]]) -> None:
    """Add rows of a trial to a table."""
    if rows:
        connection.execute(insert(table), [{"trial_id": trial, **row} for row in rows])


def _utc(moment: datetime | None) -> datetime | None:
    """A local time as Optuna stores it."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
