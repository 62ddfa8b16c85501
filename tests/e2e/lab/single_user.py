"""Fairlead as one developer starts it, `fairlead serve --parent`; and the corporate proxy that it answers: Squid that demands NTLM."""

import os
import re

from .fairlead import BINARY, SANITIZER
from .processes import Process, free_port, wait_until
from .squid import _start
from .winbind import Winbind

_PARENT = """http_port 127.0.0.1:{port}
auth_param ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp
auth_param ntlm children 20 startup=4 idle=2
auth_param ntlm keep_alive on
acl authed proxy_auth REQUIRED
http_access allow authed
http_access deny all
"""


class CorporateProxy:
    """Squid at proxy2.lab.test, for alice and bob of LAB only; its log tells who asked for what."""

    def __init__(self, lab):
        self.port = free_port()
        self.process = _start(lab, "corporate-proxy", _PARENT.format(port=self.port), self.port, lab.part(Winbind).inside())
        self._log = os.path.join(lab.directory, "corporate-proxy/access.log")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def rows(self, mark=0):
        if not os.path.exists(self._log):
            return []
        with open(self._log) as f:
            f.seek(mark)
            return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in f]

    def mark(self):
        return os.path.getsize(self._log) if os.path.exists(self._log) else 0


class SingleUser:
    """`words` are its options; `password` goes to its standard input (a file object: is it)."""

    def __init__(self, lab, parent, *words, password="", env=None, prefix=()):
        self.port = free_port()
        read, write = os.pipe()
        os.write(write, password.encode())
        os.close(write)
        self.name = f"single-user{lab.number('single-user')}"
        self.argv = [*prefix, BINARY, "serve", "--parent", parent, "--listen", f"127.0.0.1:{self.port}", *words]
        env = {"STATE_DIRECTORY": lab.folder(f"{self.name}-state"), "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1", **(env or {})}
        self.process = Process(lab, self.name, self.argv, env=env, stdin=read)
        os.close(read)
        self.process.wait_for(lambda: "Containers" in self.printed() and "ready:" in self.printed(), "the lines to copy")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def printed(self):
        return self.process.printed()

    def lines(self, title):
        """What it says under `# title`."""
        found = re.search(rf"^# {re.escape(title)}[^\n]*\n((?:[^#\n][^\n]*\n)+)", self.printed(), re.MULTILINE)
        assert found, f"no lines for {title} in\n{self.printed()}"
        return found.group(1)

    def stop(self):
        self.process.signal(15)
        code = self.process.wait(15)
        assert code == 0 and not SANITIZER.search(self.printed()), self.printed()[-3000:]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            print(self.printed()[-3000:])
            self.process.end(1)


def wait_rows(parent, mark, at_least):
    return wait_until(lambda: (rows := parent.rows(mark)) and len(rows) >= at_least and rows, f"{at_least} rows of the parent")
