"""One ONNX file for serving: estimator, calibration, and what the task makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.native import LinearModel, Native
from training.task import Task
from training.trees import Trees

OPSETS = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 9


@dataclass(frozen=True)
class Start:
    """What a price is counted from: the estimate that a column tells, else the area times a rate, else `otherwise`."""

    estimate: int | None
    """None for a model that was trained without estimates."""
    area: int
    rate: float
    otherwise: float

    def of(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """The start of each row's price."""
        area = rows[:, self.area].astype(np.float64)
        # A comparison with NaN is false: whatever is missing takes the other way.
        by_area = np.where(area > 0, area * self.rate, self.otherwise)
        if self.estimate is None:
            return np.asarray(by_area)
        estimate = rows[:, self.estimate].astype(np.float64)
        return np.asarray(np.where(estimate > 0, estimate, by_area))


@dataclass(frozen=True)
class Calibration:
    """What turns raw scores into answers.

    The task turns `slope` times score plus `shift` into answers; prices are counted from `start`.
    """

    slope: float
    shift: tuple[float, ...]
    start: Start | None = None

    @property
    def counted_from(self) -> Start:
        """What prices are counted from."""
        if self.start is None:
            raise ValueError("a price is counted from something: the calibration names no start")
        return self.start

    def applied(
        self, scores: npt.NDArray[np.float64], rows: npt.NDArray[np.float32], task: Task
    ) -> npt.NDArray[np.float64]:
        """The answers, as the graph gives them."""
        return task.answers(self.slope * scores + np.asarray(self.shift), rows, self)


def graph_of(native: Native, calibration: Calibration, task: Task, columns: int) -> onnx.ModelProto:
    """The model as ONNX: `inputs` (rows, columns) float32 in, `answers` (rows, n) float32 out."""
    parts = GraphParts()
    if isinstance(native, LinearModel):
        _linear(parts, native)
    else:
        _trees(parts, native.trees(), columns)  # type: ignore[attr-defined]
    parts.add("Mul", ["scores", parts.constant("slope", np.float32(calibration.slope))], "scaled")
    parts.add("Add", ["scaled", parts.constant("shift", np.asarray(calibration.shift, np.float32))], "moved")
    task.add_answers(parts, calibration)
    width = len(calibration.shift)
    graph = helper.make_graph(
        parts.nodes,
        "tidemark",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["rows", columns])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["rows", width])],
        parts.constants,
    )
    made = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*one) for one in OPSETS.items()], ir_version=IR_VERSION
    )
    onnx.checker.check_model(made)
    return made


class GraphParts:
    """A graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, op: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> None:
        """A node."""
        self.nodes.append(helper.make_node(op, inputs, [output], domain=domain, **attributes))

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """A constant, whose name comes back."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _linear(parts: GraphParts, model: LinearModel) -> None:
    as_float = {
        name: getattr(model, name).astype(np.float32) for name in ("mean", "scale", "weights", "missing", "intercept")
    }
    for name, value in as_float.items():
        parts.constant(name, value)
    parts.constant("zero", np.float32(0))
    parts.add("IsNaN", ["inputs"], "gap")
    parts.add("Sub", ["inputs", "mean"], "centred")
    parts.add("Div", ["centred", "scale"], "level")
    parts.add("Where", ["gap", "zero", "level"], "filled")
    parts.add("Cast", ["gap"], "flags", to=TensorProto.FLOAT)
    parts.add("MatMul", ["filled", "weights"], "by_value")
    parts.add("MatMul", ["flags", "missing"], "by_gap")
    parts.add("Add", ["by_value", "by_gap"], "summed")
    parts.add("Add", ["summed", "intercept"], "scores")


def _trees(parts: GraphParts, trees: Trees, columns: int) -> None:
    branch = "BRANCH_LEQ" if trees.at_most else "BRANCH_LT"
    nodes = [(tree, place, node) for tree, each in enumerate(trees.each) for place, node in enumerate(each)]
    leaves = [(tree, place, node) for tree, place, node in nodes if node.leaf]
    if any(node.column >= columns for _, _, node in nodes):
        raise ValueError(f"a tree splits by a column beyond the {columns} given")
    parts.add(
        "TreeEnsembleRegressor",
        ["inputs"],
        "scores",
        domain="ai.onnx.ml",
        n_targets=len(trees.base),
        aggregate_function="SUM",
        base_values=[float(value) for value in trees.base],
        nodes_treeids=[tree for tree, _, _ in nodes],
        nodes_nodeids=[place for _, place, _ in nodes],
        nodes_modes=["LEAF" if node.leaf else branch for _, _, node in nodes],
        nodes_featureids=[max(node.column, 0) for _, _, node in nodes],
        nodes_values=[float(node.threshold) for _, _, node in nodes],
        nodes_truenodeids=[node.left for _, _, node in nodes],
        nodes_falsenodeids=[node.right for _, _, node in nodes],
        nodes_missing_value_tracks_true=[int(node.missing_left) for _, _, node in nodes],
        target_treeids=[tree for tree, _, _ in leaves],
        target_nodeids=[place for _, place, _ in leaves],
        target_ids=[trees.score[tree] for tree, _, _ in leaves],
        target_weights=[float(node.value) for _, _, node in leaves],
    )
