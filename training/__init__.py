"""How a model comes to be: training sets, splits, metrics, estimators, artifacts."""

import os
import warnings

# Threads of OpenMP spin while they wait for each other, which on busy cores costs minutes, and sleep at once costs
# wake-ups: so, shortly. Read once, when a library loads.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# MLflow asks for a progress bar of notebooks that it does not use.
warnings.filterwarnings("ignore", "IProgress not found")
