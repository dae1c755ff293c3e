"""How a model comes to be: training sets, splits, metrics, estimators, artifacts."""

import os

# Threads of OpenMP spin while they wait, and on busy cores that costs minutes. Read once, when a library loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
