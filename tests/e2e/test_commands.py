"""The other commands, and what happens without any settings file."""

import os
import re
import subprocess

from lab.fairlead import BINARY
from lab.processes import Process

GOOD = 'listen "127.0.0.1:3999" { }\nupstream up { member "127.0.0.1:8080" { } }\nroute { to = {"*.corp.test"}  via = up }\n'


def run(*arguments, **more):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20, **more)


def test_check_accepts_a_good_file_and_names_the_lines_of_a_bad_one(lab):
    good, bad = lab.write("good.conf", GOOD), lab.write("bad.conf", GOOD + 'routte { }\ndrain = 5 parsecs\nlisten "nowhere" { }\n')
    assert run("check", "-c", good).returncode == 0
    said = run("check", "-c", bad)
    text = said.stdout + said.stderr
    assert said.returncode == 1
    assert "bad.conf:4" in text and "route" in text, "the nearest right name"
    assert "bad.conf:5" in text and "bad.conf:6" in text, "all of them, not the first alone"


def test_serve_refuses_a_bad_file(lab):
    bad = lab.write("bad2.conf", 'http_port 3128\n')
    said = run("serve", "-c", bad)
    assert said.returncode != 0 and "listen" in said.stdout + said.stderr


def test_route_says_where_and_why(lab):
    file = lab.write("good.conf", GOOD)
    parent, direct = run("route", "-c", file, "http://a.corp.test/"), run("route", "-c", file, "http://other.test/")
    assert parent.returncode == 0 and "up" in parent.stdout and "good.conf:3" in parent.stdout
    assert direct.returncode == 0 and "direct" in direct.stdout
    assert run("route", "-c", file, "http://127.0.0.1/").returncode == 1, "one may not go there"


def test_version_and_wrong_usage():
    assert re.search(r"\d+\.\d+\.\d+", run("version").stdout)
    assert run("no-such-command").returncode == 2 and run("serve", "--no-such-option").returncode == 2


def test_without_a_file_it_is_an_anonymous_proxy_on_loopback(lab):
    """In a network namespace of its own, since the default ports may be taken here."""
    home = lab.folder("empty-home")
    process = Process(lab, "defaults", ["unshare", "-n", "sh", "-c", f"ip link set lo up && exec {BINARY} serve"],
                      env={"HOME": home, "XDG_CONFIG_HOME": home})
    inside = ["nsenter", "-t", str(process.pid), "-n"]

    def health():
        return subprocess.run([*inside, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:3129/health"],
                              capture_output=True, text=True).stdout == "200"

    if os.path.exists("/etc/fairlead/fairlead.conf"):
        process.end()
        return
    process.wait_for(health, "/health")
    listening = subprocess.run([*inside, "ss", "-Htln"], capture_output=True, text=True).stdout
    assert {line.split()[3] for line in listening.splitlines()} == {"127.0.0.1:3128", "127.0.0.1:3129"}
    answer = subprocess.run([*inside, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-x", "http://127.0.0.1:3128",
                             "http://127.0.0.1/"], capture_output=True, text=True).stdout
    assert answer == "403"
    process.signal(15)
    assert process.wait(10) == 0
    assert "127.0.0.1:3128" in process.printed()
