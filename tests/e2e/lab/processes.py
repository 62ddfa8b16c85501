"""Child processes, ports and files of one test session. Everything started here is ended here, by its own process id."""

import atexit
import collections
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


_given = collections.deque(maxlen=1000)  # lately: their owners may not listen yet


def free_port():
    """A port below the ephemeral range, so that no outgoing connection of a test takes it before its owner listens."""
    for _ in range(1000):
        port = random.randrange(22000, 32000)
        if port in _given:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.append(port)
            return port
    raise RuntimeError("no free port between 22000 and 32000")


def wait_until(condition, what, seconds=15.0, step=0.02):
    """Returns the first true result of condition(); fails, saying `what`, when the time is over."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(step)


def accepts(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """One program in a process group of its own, its output in a file."""

    def __init__(self, lab, name, argv, *, env=None, cwd=None, limits=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.output = os.path.join(lab.directory, f"{name}.out")

        def prepare():
            _die_with_parent()
            for which, value in (limits or {}).items():
                import resource
                resource.setrlimit(which, value)

        with open(self.output, "ab") as out:
            self.popen = subprocess.Popen([str(a) for a in argv], stdin=stdin, stdout=out, stderr=out,
                                          env={**os.environ, **(env or {})}, cwd=cwd or lab.directory,
                                          start_new_session=True, preexec_fn=prepare)
        self.pid = self.popen.pid
        lab.started.append(self)

    def alive(self):
        return self.popen.poll() is None

    def printed(self):
        with open(self.output, errors="replace") as f:
            return f.read()

    def wait_for(self, condition, what, seconds=15.0):
        def check():
            if not self.alive():
                raise AssertionError(f"{self.name} ended with {self.popen.returncode}:\n{self.printed()[-3000:]}")
            return condition()
        return wait_until(check, f"{self.name}: {what}", seconds)

    def listening(self, port, seconds=15.0):
        self.wait_for(lambda: accepts(port), f"port {port}", seconds)
        return self

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds=10.0):
        return self.popen.wait(seconds)

    def ask_to_end(self):
        try:
            os.killpg(self.pid, signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            pass

    def end(self, seconds=5.0):
        """SIGTERM, then SIGKILL for the whole group. Harmless when it has ended already."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, number)
            except (ProcessLookupError, PermissionError):
                pass
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            if number == signal.SIGTERM:
                seconds = 0.3  # the children get a moment, then SIGKILL
        return self.popen.returncode


class Lab:
    """The folder and the processes of a session."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="fairlead-lab-")
        os.chmod(self.directory, 0o755)
        self.started = []
        self._parts = {}
        self._numbers = {}
        atexit.register(self.close)

    def folder(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o755)
        return path

    def number(self, name):
        self._numbers[name] = self._numbers.get(name, 0) + 1
        return self._numbers[name]

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def part(self, make):
        """The one instance of a component, started at its first use."""
        if make not in self._parts:
            self._parts[make] = make(self)
        return self._parts[make]

    def close(self):
        for process in self.started:  # all at once: some take seconds to end
            process.ask_to_end()
        while self.started:
            self.started.pop().end()
        if os.environ.get("FAIRLEAD_KEEP_LAB"):
            print(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
