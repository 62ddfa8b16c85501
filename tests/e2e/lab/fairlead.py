"""The proxy under test: settings file, process, logs, metrics, clean end."""

import contextlib
import glob
import json
import os
import re
import resource
import signal
import subprocess
import time

from . import canary, wire
from .names import hosts_file
from .processes import Process, free_port, wait_until

BINARY = os.environ.get("FAIRLEAD_BIN") or os.path.join(os.path.dirname(__file__), "../../../build/fairlead")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error: |"
                       r"^==\d+==ERROR|assert_failed|Assertion", re.MULTILINE)
OPEN_LOOPBACK = 'access { action = allow  to = {"127.0.0.0/8"} }'
DEFAULT_TIMEOUTS = "connect = 3s  head = 10s  idle = 60s  tunnel = 60s"


def sanitized():
    """True when the binary under test is an ASan or TSan build: then time and memory say nothing."""
    with open(BINARY, "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


class Fairlead:
    """One running proxy. Arguments are pieces of the settings file; see _settings()."""

    def __init__(self, lab, *, name="proxy.lab.test", listen="", routes="", upstreams="", access=OPEN_LOOPBACK, more="",
                 timeouts=DEFAULT_TIMEOUTS, drain="3s", workers=2, dns=None, hosts=None, log_format="w3c",
                 access_file=None, log_more="", limits=None, connect_ports='"any"', prefix=(), env=None, network=None):
        self.lab, self.name = lab, name
        self.network = network or contextlib.nullcontext  # a manager in which sockets are made, for another network namespace
        self.folder = lab.folder(f"fairlead{lab.number('fairlead')}")
        self.port, self.console = free_port(), free_port()
        self.access_file = access_file or f"{self.folder}/access.log"
        self.events_file = f"{self.folder}/events.log"
        self.file = f"{self.folder}/fairlead.conf"
        self.pieces = dict(listen=listen, routes=routes, upstreams=upstreams, access=access, more=more, timeouts=timeouts,
                           drain=drain, workers=workers, dns=dns, hosts=hosts or hosts_file(lab), log_format=log_format,
                           log_more=log_more, connect_ports=connect_ports)
        self.write_settings()
        env = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0", "TSAN_OPTIONS": "exitcode=99",
               "UBSAN_OPTIONS": "print_stacktrace=1", **(env or {})}
        self._start = lambda: Process(lab, os.path.basename(self.folder), [*prefix, BINARY, "serve", "-c", self.file], env=env,
                                      limits=limits)
        self.start()

    def _settings(self, listen, routes, upstreams, access, more, timeouts, drain, workers, dns, hosts, log_format, log_more,
                  connect_ports):
        return f"""workers = {workers}
contact = "helpdesk@lab.test"
state-directory = "{self.folder}/state"
listen "127.0.0.1:{self.port}" {{
    name = "{self.name}"
    connect-ports = {{{connect_ports}}}
    {listen}
}}
listen "127.0.0.1:{self.console}" {{ role = console }}
{upstreams}
{routes}
{access}
resolver {{ hosts-file = "{hosts}"  servers = "127.0.0.1:{dns or 9}" }}
timeouts {{ {timeouts} }}
drain = {drain}
log access {{ file = "{self.access_file}"  format = {log_format}  {log_more} }}
log events {{ file = "{self.events_file}"  level = info }}
{more}
"""

    def write_settings(self, **changes):
        self.pieces.update(changes)
        with open(self.file, "w") as f:
            f.write(self._settings(**self.pieces))

    # Speaking to it
    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self, seconds=10.0):
        with self.network():
            return wire.connect(self.port, seconds)

    def ask(self, request, seconds=10.0):
        """One request on a connection of its own."""
        with self.connect(seconds) as c:
            return c.ask(request)

    def _console(self, path):
        with self.network():
            c = wire.connect(self.console, 5)
        with c:
            return c.ask(f"GET {path} HTTP/1.1\r\nHost: console\r\nConnection: close\r\n\r\n")

    def health(self):
        return self._console("/health").status

    def healthy(self):
        try:
            return self.health() == 200
        except (OSError, wire.Closed):
            return False

    def metrics(self):
        """Name without `fairlead_` -> value; samples with labels keep them in the name."""
        text = self._console("/metrics").body.decode()
        found = re.findall(r"^(?:fairlead_)?(\S+) ([-0-9.e+]+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def metric(self, name):
        return self.metrics()[name]

    def wait_metric(self, name, condition, seconds=5.0):
        wait_until(lambda: condition(self.metric(name)), f"{name} (now {self.metric(name)})", seconds)

    # What it wrote
    def log(self, at_least=1, seconds=5.0):
        """The access log's rows as dicts (keys as in #Fields, or JSON's), those of our own console left out. The log is
        written in batches: waits for rows."""
        def rows():
            found = self._rows()
            return found if len(found) >= at_least else None
        if at_least == 0:
            return self._rows()
        return wait_until(rows, f"{at_least} rows in {self.access_file}", seconds, 0.05)

    def _rows(self):
        rows, names = [], []
        try:
            with open(self.access_file, errors="replace") as f:
                lines = f.read().split("\n")
        except FileNotFoundError:
            return rows
        for line in lines[:-1]:
            if self.pieces["log_format"] == "json":
                rows.append(json.loads(line))
            elif line.startswith("#Fields:"):
                names = line.split()[1:]
            elif line and not line.startswith("#"):
                values = line.split(" ")
                assert len(values) == len(names), f"{len(values)} values for {len(names)} fields: {line}"
                rows.append(dict(zip(names, values)))
        return [r for r in rows if r["cs-uri"] not in ("/health", "/metrics", "/?all")]

    def events(self):
        try:
            with open(self.events_file, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_event(self, pattern, seconds=5.0):
        return wait_until(lambda: re.search(pattern, self.events() + self.process.printed()), f"event /{pattern}/", seconds)

    # The process
    def memory(self, field="VmRSS"):
        """Bytes, from /proc/PID/status."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(rf"{field}:\s+(\d+) kB", f.read()).group(1)) * 1024

    def descriptors(self):
        return len(glob.glob(f"/proc/{self.process.pid}/fd/*"))

    def limit_descriptors(self, n):
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (n, n))

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def start(self):
        """Again, after stop() or kill(): the same settings, ports and folder."""
        self.process = self._start()
        self.process.wait_for(self.healthy, "/health")
        self.stopped = False

    def kill(self):
        """As a power failure does."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(5)
        self.stopped = True

    def stop(self, seconds=15.0):
        """SIGTERM: must end with status 0 and without a word of a sanitizer."""
        if self.stopped:
            return
        self.stopped = True
        code = self.process.popen.poll()
        assert code is None, f"{self.process.name} had ended with {code}:\n{self.process.printed()[-3000:]}"
        self.expect_nothing_told()
        self.process.signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.signal(signal.SIGABRT)
            self.process.end()
            raise AssertionError(f"{self.process.name} did not stop within {seconds:g} s of SIGTERM") from None
        self.expect_clean(code)

    def expect_clean(self, code):
        printed = self.process.printed()
        assert not SANITIZER.search(printed + self.events()), printed[-6000:]
        assert code == 0, f"{self.process.name} ended with {code}:\n{printed[-3000:]}"
        told = canary.leaks_in_files(self.folder, self.access_file, self.process.output)
        assert not told, f"passwords in what {self.process.name} wrote: {told}"

    def expect_nothing_told(self):
        """No password of the lab in the console's pages."""
        try:
            pages = [self._console(path).body.decode(errors="replace") for path in ("/metrics", "/?all")]
        except (OSError, wire.Closed):
            return
        assert not canary.leaks("\n".join(pages)), "a password in the console"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.process.end(1)


def chain(make, length, **first):
    """`length` proxies in a row, the first of them named by the return value's [0]; the last goes direct. Inner ones take
    their child's word that it keeps users apart (intermediaries)."""
    proxies = []
    for i in reversed(range(length)):
        pieces = dict(name=f"proxy{i + 1 if i else ''}.lab.test")
        if i:
            pieces["listen"] = 'intermediaries = {"127.0.0.1"}'
        else:
            pieces.update(first)
        if proxies:
            pieces["upstreams"] = f'upstream next {{ member "127.0.0.1:{proxies[0].port}" {{ }} }}'
            pieces["routes"] = 'route { to = {"*"}  via = next }'
        proxies.insert(0, make(**pieces))
    return proxies


def absolute(authority, path="/", method="GET", fields="", body="", version="1.1"):
    """The text of a request to a proxy."""
    return f"{method} http://{authority}{path} HTTP/{version}\r\nHost: {authority}\r\n{fields}\r\n{body}"


def timed(function):
    """(result, seconds)"""
    begin = time.monotonic()
    return function(), time.monotonic() - begin
