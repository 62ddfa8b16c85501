"""Running curl and reading what it saw."""

import os
import re
import subprocess

PASSWORDS = {"alice": "Secret1", "bob": "Secret2"}
_REPORT = r"\n%{http_code} %{num_connects} %{local_port} %{errormsg}\n--end--\n"


class Answer:
    def __init__(self, text):
        self.body, _, report = text.rstrip("\n").rpartition("\n")
        words = report.split(" ", 3)
        self.status, self.connects, self.local_port = int(words[0]), int(words[1]), int(words[2])
        self.error = words[3] if len(words) > 3 else ""
        self.words = dict(re.findall(r"(\w+)=(\S+)", self.body))

    def __repr__(self):
        return f"<{self.status} connects={self.connects} {self.body[:200]!r} {self.error}>"


def curl(proxy, urls, *options, env=None, seconds=60, prefix=()):
    """Runs curl for all urls in one process (so on one connection, if it is kept); the list of Answers."""
    urls = [urls] if isinstance(urls, str) else urls
    command = [*prefix, "curl", "-sS", "--max-time", str(seconds), "-x", proxy, *options, "-w", _REPORT, *urls]
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, env={**clean, **(env or {})}, timeout=seconds + 10)
    answers = done.stdout.decode("latin-1").split("\n--end--\n")[:-1]
    assert len(answers) == len(urls), done.stderr.decode()
    return [Answer(a) for a in answers]


def ntlm(user, password=None):
    return ["--ntlm", "-u", f"LAB\\{user}:{password or PASSWORDS[user]}"]


NEGOTIATE = ["--negotiate", "-u", ":"]
