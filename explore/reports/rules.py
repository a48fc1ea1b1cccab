"""Short rules that say where points are infeasible: the leaves of a small decision tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..extras import load
from .conditions import Split, path_words
from .features import Feature, feature_column, find_features
from .formatting import plural
from .record import StudyRecord

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

    avoid: tuple[Rule, ...]
    """Where more is infeasible than among all evaluations; what explains most comes first."""

    prefer: tuple[Rule, ...]
    """Where less is infeasible, the least first."""

    note: str
    """Why there are no rules; else empty."""


def find_rules(record: StudyRecord, seed: int) -> Rules:
    """Grow a tree on which evaluations were feasible, and read its leaves."""
    infeasible = ~record.feasible
    note = _obstacle(infeasible)
    if note:
        return Rules((), (), note)
    points = [trial.point for trial in record.trials]
    features = find_features(record.space, points)
    columns = np.column_stack([feature_column(feature, points) for feature in features])
    tree = _grow(columns, infeasible, seed)
    rules = [Rule(path_words(path), *tree.counts[node]) for node, path in _paths(tree, features, 0, ())]
    if len(rules) == 1:
        return Rules((), (), "no parameter tells infeasible points from others with certainty")
    return _sorted(rules)


@dataclass(frozen=True)
class _Tree:
    """A decision tree, and for each node how many of its evaluations are infeasible, and how many it has."""

    nodes: Any
    counts: list[tuple[int, int]]
    splits: int
    """How many splits the tree could choose from: thresholds of all features, at each of its nodes."""

    def children(self, node: int) -> tuple[int, int] | None:
        """The nodes below a node where a feature is not above the threshold, and where it is."""
        left, right = int(self.nodes.children_left[node]), int(self.nodes.children_right[node])
        return None if left == right else (left, right)

    def is_sure(self, node: int) -> bool:
        """Whether the split of a node, or one below it, is more than chance, as the best of all there are."""
        children = self.children(node)
        if children is None:
            return False
        table = [(bad, count - bad) for bad, count in (self.counts[child] for child in children)]
        chance = load("scipy.stats").fisher_exact(table).pvalue * self.splits
        return chance < CHANCE or any(self.is_sure(child) for child in children)


def _grow(columns: np.ndarray, infeasible: np.ndarray, seed: int) -> _Tree:
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
    return _Tree(classifier.tree_, counts, splits)


def _obstacle(infeasible: np.ndarray) -> str:
    count, others = int(infeasible.sum()), int((~infeasible).sum())
    if count == 0:
        return "every evaluation was feasible"
    if others == 0:
        return "no evaluation was feasible, so that there is nothing to compare"
    if count + others < FEWEST:
        return f"{plural(count + others, 'evaluation')}, at least {FEWEST} are needed"
    if min(count, others) < FEWEST_OF_A_KIND:
        return f"{others} feasible and {count} infeasible evaluations, {FEWEST_OF_A_KIND} of each are needed"
    return ""


def _paths(
    tree: _Tree, features: Sequence[Feature], node: int, path: tuple[Split, ...]
) -> Iterator[tuple[int, tuple[Split, ...]]]:
    """The ends of the tree below a node, each with the decisions that lead to it."""
    children = tree.children(node)
    if children is None or not tree.is_sure(node):
        yield node, path
        return
    feature, threshold = features[int(tree.nodes.feature[node])], float(tree.nodes.threshold[node])
    for child, above in zip(children, (False, True), strict=True):
        yield from _paths(tree, features, child, (*path, Split(feature, threshold, above)))


def _sorted(rules: Sequence[Rule]) -> Rules:
    overall = sum(rule.infeasible for rule in rules) / sum(rule.evaluations for rule in rules)
    avoid = [rule for rule in rules if rule.share > overall]
    prefer = [rule for rule in rules if rule.share <= overall]
    avoid.sort(key=lambda rule: (-(rule.infeasible - overall * rule.evaluations), str(rule)))
    prefer.sort(key=lambda rule: (rule.share, -rule.evaluations, str(rule)))
    return Rules(tuple(avoid), tuple(prefer), "")
