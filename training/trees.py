"""Boosted trees of either library as plain arrays: what ONNX is written from.

The converters at hand round a threshold to the nearest float32, which moves rows that lie on it to the other side,
and know no calibration. From these arrays one graph holds all, and equals the native model row by row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import xgboost as xgb


@dataclass(frozen=True)
class Node:
    """A node of a tree. A leaf has no column; a branch goes left if the value is below (or at) the threshold."""

    column: int
    threshold: float
    left: int
    right: int
    missing_left: bool
    value: float = 0.0

    @property
    def leaf(self) -> bool:
        """Whether it ends a path."""
        return self.column < 0


@dataclass(frozen=True)
class Trees:
    """Trees, which of the scores each adds to, and what the scores start from."""

    each: tuple[tuple[Node, ...], ...]
    score: tuple[int, ...]
    base: tuple[float, ...]
    at_most: bool
    """Whether a value equal to the threshold goes left."""


def of_xgboost(booster: xgb.Booster) -> Trees:
    """From XGBoost's JSON."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    model = learner["gradient_booster"]["model"]
    told = learner["learner_model_param"]
    classes = max(int(told["num_class"]), 1)
    start = np.atleast_1d(np.array(json.loads(told["base_score"]), np.float64))
    if learner["objective"]["name"] == "binary:logistic":
        start = np.log(start / (1 - start))
    each = tuple(
        tuple(
            Node(-1, 0.0, 0, 0, False, condition)
            if left < 0
            else Node(column, condition, left, right, bool(missing_left))
            for left, right, column, condition, missing_left in zip(
                tree["left_children"], tree["right_children"], tree["split_indices"], tree["split_conditions"],
                tree["default_left"], strict=True,
            )
        )
        for tree in model["trees"]
    )  # fmt: skip
    return Trees(each, tuple(model["tree_info"]), tuple(np.broadcast_to(start, classes).tolist()), at_most=False)


def of_lightgbm(booster: lgb.Booster) -> Trees:
    """From LightGBM's dump."""
    told = booster.dump_model()
    classes = told["num_tree_per_iteration"]
    each = tuple(tuple(_nodes(tree["tree_structure"])) for tree in told["tree_info"])
    return Trees(each, tuple(place % classes for place in range(len(each))), (0.0,) * classes, at_most=True)


def averaged(first: Trees, second: Trees) -> Trees:
    """The mean of both, as one: each leaf counts half."""
    both = [_at_most(trees) for trees in (first, second)]
    return Trees(
        tuple(tuple(_halved(node) for node in tree) for trees in both for tree in trees.each),
        (*first.score, *second.score),
        tuple((one + other) / 2 for one, other in zip(first.base, second.base, strict=True)),
        at_most=True,
    )


def _halved(node: Node) -> Node:
    return replace(node, value=node.value / 2) if node.leaf else node


def _at_most(trees: Trees) -> Trees:
    """The same trees, where a value equal to the threshold goes left: below is at most the float32 before."""
    if trees.at_most:
        return trees

    def lowered(node: Node) -> Node:
        before = np.nextafter(np.float32(node.threshold), np.float32(-np.inf))
        return node if node.leaf else replace(node, threshold=float(before))

    return replace(trees, each=tuple(tuple(map(lowered, tree)) for tree in trees.each), at_most=True)


def _nodes(root: dict[str, Any]) -> Iterator[Node]:
    """The nodes of a tree, the root first, children by their place."""
    order, place = [root], 0
    while place < len(order):
        node = order[place]
        place += 1
        if "leaf_value" in node:
            yield Node(-1, 0.0, 0, 0, False, node["leaf_value"])
            continue
        if node["decision_type"] != "<=":
            raise ValueError(f"expected splits of numbers, found one by {node['decision_type']!r}")
        children = len(order)
        order += [node["left_child"], node["right_child"]]
        threshold = float(node["threshold"])
        # Where training saw no missing value, LightGBM takes one for zero.
        left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0
        yield Node(node["split_feature"], threshold, children, children + 1, left)
