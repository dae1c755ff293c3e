from __future__ import annotations

import sys
from pathlib import Path

# The conformance kit is a package beside the tests that use it, and not itself a test.
sys.path.insert(0, str(Path(__file__).parent))
