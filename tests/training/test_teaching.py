"""What is found with the rows that teach: rounds and parameters, by what serves rows that taught nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.estimators import ESTIMATORS, LightGBM, Linear, XGBoost
from training.graph import Calibration
from training.models import spec_of
from training.tasks import BINARY
from training.teaching import TrainingRows


@pytest.fixture
def teaching() -> TrainingRows:
    """Six hundred rows of which the first column decides, steeply."""
    chance = np.random.default_rng(5)
    rows = chance.normal(size=(600, 4)).astype(np.float32)
    labels = (chance.uniform(size=600) < 1 / (1 + np.exp(-8 * rows[:, 0]))).astype(np.float64)
    return TrainingRows(spec_of("move_probability"), rows, labels, Calibration(1.0, (0.0,)))


@pytest.fixture
def pairs() -> list:
    thirds = np.arange(600) % 3
    return [(thirds != fold, thirds == fold) for fold in range(3)]


@pytest.mark.parametrize("estimator", [XGBoost(rounds=(30, 120)), LightGBM(rounds=(30, 120))], ids=lambda one: one.name)
def test_a_model_that_grows_is_the_same_as_one_that_was_fitted(estimator, teaching):
    rows = teaching.rows
    grown = [one.scores(rows) for one in estimator.grown(rows, teaching.targets, BINARY, 2, {})]
    fitted = [teaching.fitted(estimator, {"rounds": rounds}).scores(rows) for rounds in estimator.rounds]
    np.testing.assert_allclose(grown, fitted, rtol=1e-6)
    assert not np.allclose(*grown)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_a_row_is_scored_by_models_that_it_did_not_teach(estimator, teaching, pairs):
    unseen = teaching.unseen(estimator, {}, pairs[:2])
    assert unseen.seen.tolist() == (np.arange(600) % 3 < 2).tolist()
    liar = replace(teaching, labels=np.where(np.arange(600) % 3 == 0, 1 - teaching.labels, teaching.labels))
    told = liar.unseen(estimator, {**unseen.params}, pairs[:1])
    np.testing.assert_allclose(told.scores[told.seen], unseen.scores[told.seen])


def test_rounds_are_chosen_by_what_serves_unseen_rows(teaching, pairs):
    faint = 1 / (1 + np.exp(-teaching.rows[:, 0]))
    teaching = replace(teaching, labels=(np.random.default_rng(6).uniform(size=600) < faint).astype(np.float64))
    estimator = LightGBM(rounds=(1, 60, 1000))
    losses = {
        rounds: teaching.loss(teaching.unseen(estimator, {"rounds": rounds}, pairs)) for rounds in estimator.rounds
    }
    assert teaching.unseen(estimator, {}, pairs).params["rounds"] == min(losses, key=losses.__getitem__) == 60


def test_a_search_finds_what_the_defaults_miss(teaching, pairs):
    """The defaults shrink the steep slope; a weaker penalty serves unseen rows better."""
    default, found = teaching.unseen(Linear(), {}, pairs), teaching.tuned(Linear(), pairs, 8)
    assert teaching.loss(found) < teaching.loss(default) - 0.005
    assert 0.1 < found.params["C"] <= 10
    assert teaching.tuned(Linear(), pairs, 8).params == found.params


def test_a_search_of_one_trial_tries_the_defaults(teaching, pairs):
    assert teaching.tuned(Linear(), pairs, 1).params == {}
