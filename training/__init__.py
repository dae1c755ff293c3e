"""How a model comes to be: training sets, splits, metrics, estimators, artifacts."""
