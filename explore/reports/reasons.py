"""Why evaluations were not feasible: where, in short rules, the leaves of a small decision tree; and as they
say themselves, in messages and resources that fell short.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..extras import load
from .features import Feature, Split, feature_column, find_features, path_words
from .record import StudyRecord
from .targets import obstacle

DEPTH = 3
"""A rule has at most this many conditions."""

SMALLEST_SHARE = 0.02
"""A rule stands for at least this share of the evaluations, and for two."""

CHANCE = 0.05
"""A split stays if chance alone would bring about one like it, of any feature at any threshold and node, more
rarely than this (Fisher's exact test, Bonferroni's correction)."""

FEWEST = 10
FEWEST_OF_A_KIND = 3
"""What a tree needs: evaluations, and feasible and infeasible ones among them."""


@dataclass(frozen=True)
class Rule:
    """Where all conditions hold, so many evaluations were infeasible, failed or timed out."""

    conditions: tuple[str, ...]
    infeasible: int
    evaluations: int

    @property
    def share(self) -> float:
        """The infeasible share."""
        return self.infeasible / self.evaluations

    def __str__(self) -> str:
        return f"{' and '.join(self.conditions)}: {self.infeasible} of {self.evaluations} infeasible"


@dataclass(frozen=True)
class Rules:
    """Rules of which each evaluation satisfies one."""

    avoid: tuple[Rule, ...] = ()
    """Where more is infeasible than among all evaluations; what explains most comes first."""

    prefer: tuple[Rule, ...] = ()
    """Where less is infeasible, the least first."""

    note: str = ""
    """Why there are no rules; else empty."""


def find_rules(record: StudyRecord, seed: int) -> Rules:
    """Grow a tree on which evaluations were feasible, and read its leaves."""
    note = obstacle(record.feasible, FEWEST, FEWEST_OF_A_KIND)
    if note:
        return Rules(note=note)
    points = [trial.point for trial in record.trials]
    features = find_features(record.space, points)
    columns = np.column_stack([feature_column(feature, points) for feature in features])
    rules, is_sure = _grow(features, columns, ~record.feasible, seed).rules()
    if not is_sure:
        return Rules(note="no parameter tells infeasible points from others with certainty")
    return _sorted(rules)


@dataclass(frozen=True)
class _Tree:
    """A decision tree of scikit-learn, and for each node how many of its evaluations are infeasible, and how
    many it has."""

    nodes: Any
    features: Sequence[Feature]
    counts: list[tuple[int, int]]
    splits: int
    """How many splits the tree could choose from: thresholds of all features, at each of its nodes."""

    def rules(self, node: int = 0, path: tuple[Split, ...] = ()) -> tuple[list[Rule], bool]:
        """The ends of the tree below a node, and whether a split on the way is more than chance: one rule
        where none is."""
        whole = Rule(path_words(path), *self.counts[node])
        children = [int(self.nodes.children_left[node]), int(self.nodes.children_right[node])]
        if children[0] == children[1]:
            return [whole], False
        feature, threshold = self.features[self.nodes.feature[node]], float(self.nodes.threshold[node])
        below = [
            self.rules(child, (*path, Split(feature, threshold, above)))
            for child, above in zip(children, (False, True), strict=True)
        ]
        table = [(bad, count - bad) for bad, count in (self.counts[child] for child in children)]
        chance = load("scipy.stats").fisher_exact(table).pvalue * self.splits
        if chance < CHANCE or any(is_sure for _, is_sure in below):
            return [rule for rules, _ in below for rule in rules], True
        return [whole], False


def _grow(features: Sequence[Feature], columns: np.ndarray, infeasible: np.ndarray, seed: int) -> _Tree:
    classifier = load("sklearn.tree").DecisionTreeClassifier(
        max_depth=DEPTH,
        min_samples_leaf=max(2, round(SMALLEST_SHARE * len(columns))),
        class_weight="balanced",
        random_state=seed,
    )
    classifier.fit(columns, infeasible)
    members = classifier.decision_path(columns).toarray().astype(bool)
    counts = [(int(infeasible[inside].sum()), int(inside.sum())) for inside in members.T]
    splits = (2**DEPTH - 1) * sum(len(np.unique(column)) - 1 for column in columns.T)
    return _Tree(classifier.tree_, features, counts, splits)


def _sorted(rules: Sequence[Rule]) -> Rules:
    overall = sum(rule.infeasible for rule in rules) / sum(rule.evaluations for rule in rules)
    avoid = [rule for rule in rules if rule.share > overall]
    prefer = [rule for rule in rules if rule.share <= overall]
    avoid.sort(key=lambda rule: (-(rule.infeasible - overall * rule.evaluations), str(rule)))
    prefer.sort(key=lambda rule: (rule.share, -rule.evaluations, str(rule)))
    return Rules(tuple(avoid), tuple(prefer))


NUMBERS = re.compile(r"\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
"""Messages that differ in their numbers only are one."""


@dataclass(frozen=True)
class Message:
    """A message of evaluations that were not feasible."""

    text: str
    """As the first of them has it."""

    status: str
    count: int
    first: int
    """The number of the first trial with it."""


@dataclass(frozen=True)
class Resource:
    """How often, and by how much, there was too little of something."""

    name: str
    exceeded: int
    evaluations: int
    largest: float
    """The largest excess."""
    unit: str = ""
    """Empty where the study does not say it."""


def find_messages(record: StudyRecord) -> tuple[Message, ...]:
    """All messages, the most frequent first."""
    told = [
        ((trial.outcome.status, NUMBERS.sub("0", trial.outcome.message)), trial)
        for trial, evaluation in zip(record.trials, record.evaluations, strict=True)
        if not evaluation.feasible and trial.outcome.message
    ]
    counts = Counter(key for key, _ in told)
    firsts = dict(reversed(told))
    return tuple(
        Message(firsts[key].outcome.message, key[0], count, firsts[key].number)
        for key, count in counts.most_common()
    )


def find_resources(record: StudyRecord) -> tuple[Resource, ...]:
    """The resources that fell short, the most frequent first."""
    names = dict.fromkeys(name for evaluation in record.evaluations for name in evaluation.slacks)
    found: list[Resource] = []
    for name in names:
        known = [evaluation.slacks[name] for evaluation in record.evaluations if name in evaluation.slacks]
        slacks = np.array([slack for slack in known if np.isfinite(slack)])
        exceeded = int((slacks > 0).sum())
        if exceeded:
            found.append(
                Resource(name, exceeded, len(slacks), float(slacks.max()), record.about.units.get(name, ""))
            )
    return tuple(sorted(found, key=lambda resource: -resource.exceeded))
