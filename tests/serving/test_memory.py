"""What many threads have allocated can go back to the machine."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, sys, tempfile, threading
from pathlib import Path
from serving.app import create_app
from serving.settings import Settings

def arenas():
    libc = ctypes.CDLL(None)
    libc.fopen.restype, libc.fclose.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
    with tempfile.NamedTemporaryFile() as file:
        stream = libc.fopen(file.name.encode(), b"w")
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        return Path(file.name).read_text().count("<heap nr=")

create_app(Settings(Path(sys.argv[1])))
before = arenas()
everybody = threading.Barrier(33)

def allocate():
    bytearray(10_000)
    everybody.wait()

threads = [threading.Thread(target=allocate) for _ in range(32)]
for thread in threads:
    thread.start()
everybody.wait()
print(before, arenas())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has an arena for each of many threads")
def test_many_threads_of_a_scorer_share_few_arenas(tmp_path):
    run = [sys.executable, "-W", "ignore", "-c", ARENAS, str(tmp_path)]
    before, after = map(int, subprocess.run(run, check=True, capture_output=True, text=True).stdout.split())
    assert after <= max(2, before)
