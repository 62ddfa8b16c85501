"""The demo shows what it says it shows."""

import os
import random
import subprocess

from lab.fairlead import BINARY

DEMO = os.path.join(os.path.dirname(__file__), "../../demo/sign-in/run")


def test_the_demo_shows_both_failures_and_both_cures():
    env = {**os.environ, "FAIRLEAD_BIN": os.path.abspath(BINARY), "FAIRLEAD_DEMO_PORT": str(random.randrange(11000, 20000, 10))}
    done = subprocess.run(["/usr/bin/python3", DEMO, "--once"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == 8 and "✗" not in done.stdout
    assert "Hello alice" in done.stdout and "12201" in done.stdout and "401 1 2148074254" in done.stdout
