"""The program that asks our verifiers without any proxy around them (tests/interop/verify.c)."""

import os
import select
import signal
import subprocess

from .fairlead import BINARY

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(BINARY)), "interop_verify")


class Verify:
    """One process, which may run in the namespaces of a component (`prefix`)."""

    def __init__(self, prefix=(), env=None):
        self.popen = subprocess.Popen([*prefix, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, **(env or {})})

    def ask(self, *words, seconds=40):
        self.popen.stdin.write("\t".join(words) + "\n")
        self.popen.stdin.flush()
        ready, _, _ = select.select([self.popen.stdout], [], [], seconds)
        assert ready, f"no answer to {words[0]} in {seconds} s"
        return self.popen.stdout.readline().rstrip("\n")

    def reason(self, *words):
        return self.ask(*words).split(" ")[0]

    def close(self):
        self.popen.stdin.close()
        try:
            status = self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.send_signal(signal.SIGKILL)
            self.popen.wait()
            raise
        assert status == 0, f"it ended with {status}"
