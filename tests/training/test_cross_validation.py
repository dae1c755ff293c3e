"""Rounds and parameters are chosen by the scores of rows that a model was not fitted on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.cross_validation import CrossValidation
from training.estimators import ESTIMATORS, LightGBM, Linear, XGBoost
from training.graph import Calibration
from training.models import spec_of
from training.tasks import BINARY


@pytest.fixture
def validation() -> CrossValidation:
    """Six hundred rows of which the first column decides, steeply."""
    chance = np.random.default_rng(5)
    rows = chance.normal(size=(600, 4)).astype(np.float32)
    labels = (chance.uniform(size=600) < 1 / (1 + np.exp(-8 * rows[:, 0]))).astype(np.float64)
    return CrossValidation(spec_of("move_probability"), rows, labels, Calibration(1.0, (0.0,)))


@pytest.fixture
def pairs() -> list:
    thirds = np.arange(600) % 3
    return [(thirds != fold, thirds == fold) for fold in range(3)]


@pytest.mark.parametrize("estimator", [XGBoost(rounds=(30, 120)), LightGBM(rounds=(30, 120))], ids=lambda one: one.name)
def test_a_model_that_grows_is_the_same_as_one_that_was_fitted(estimator, validation):
    rows = validation.rows
    grown = [one.scores(rows) for one in estimator.grown(rows, validation.targets, BINARY, 2, {})]
    fitted = [validation.fitted(estimator, {"rounds": rounds}).scores(rows) for rounds in estimator.rounds]
    np.testing.assert_allclose(grown, fitted, rtol=1e-6)
    assert not np.allclose(*grown)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_a_row_is_scored_by_models_that_were_not_fitted_on_it(estimator, validation, pairs):
    scores = validation.out_of_fold(estimator, {}, pairs[:2])
    assert scores.is_scored.tolist() == (np.arange(600) % 3 < 2).tolist()
    liar = replace(validation, labels=np.where(np.arange(600) % 3 == 0, 1 - validation.labels, validation.labels))
    again = liar.out_of_fold(estimator, {**scores.params}, pairs[:1])
    np.testing.assert_allclose(again.scores[again.is_scored], scores.scores[again.is_scored])


def test_rounds_are_chosen_by_what_serves_unseen_rows(validation, pairs):
    faint = 1 / (1 + np.exp(-validation.rows[:, 0]))
    validation = replace(validation, labels=(np.random.default_rng(6).uniform(size=600) < faint).astype(np.float64))
    estimator = LightGBM(rounds=(1, 60, 1000))
    losses = {
        rounds: validation.loss(validation.out_of_fold(estimator, {"rounds": rounds}, pairs))
        for rounds in estimator.rounds
    }
    assert validation.out_of_fold(estimator, {}, pairs).params["rounds"] == min(losses, key=losses.__getitem__) == 60


def test_a_search_finds_what_the_defaults_miss(validation, pairs):
    """The defaults shrink the steep slope; a weaker penalty serves unseen rows better."""
    default, found = validation.out_of_fold(Linear(), {}, pairs), validation.tuned(Linear(), pairs, 8)
    assert validation.loss(found) < validation.loss(default) - 0.005
    assert 0.1 < found.params["C"] <= 10
    assert validation.tuned(Linear(), pairs, 8).params == found.params


def test_a_search_of_one_trial_tries_the_defaults(validation, pairs):
    assert validation.tuned(Linear(), pairs, 1).params == {}
