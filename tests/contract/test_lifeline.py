"""A process's standard input is its own: nobody else takes from it, and it ends with the parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from server.engines.lifeline import lifeline

pytestmark = pytest.mark.contract

ROOT = Path(__file__).resolve().parents[2]

CLAIMING = """
import os, subprocess, sys
from server.engines.lifeline import claim_input

claimed = claim_input()
greedy = subprocess.run([sys.executable, "-c", "import sys; print(len(sys.stdin.buffer.read()))"], capture_output=True)
print(greedy.stdout.decode().strip(), len(sys.stdin.buffer.read()), os.read(claimed, 100))
"""

WAITING = """
import time
from server.engines.lifeline import end_with_parent

end_with_parent()
print("waiting", flush=True)
time.sleep(100)
"""


def test_what_libraries_and_their_processes_find_is_empty() -> None:
    command = [sys.executable, "-c", CLAIMING]
    done = subprocess.run(command, cwd=ROOT, input=b"ours\r\n", capture_output=True, check=True)
    assert done.stdout.decode().strip() == r"0 0 b'ours\r\n'"


def test_a_process_ends_when_its_lifeline_does() -> None:
    with lifeline() as source:
        child = subprocess.Popen([sys.executable, "-c", WAITING], cwd=ROOT, stdin=source, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"waiting"
        assert child.poll() is None
    with child:
        assert child.wait(30) == 0, "it would wait for 100 seconds"
