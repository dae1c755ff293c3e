from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VERDICTS = Path(__file__).with_name("verdicts.py")


def test_the_page_is_up_to_date():
    checked = subprocess.run([sys.executable, VERDICTS, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
