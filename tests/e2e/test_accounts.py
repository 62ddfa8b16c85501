"""`fairlead account`: what is typed, what is written, and who may read it."""

import os
import pty
import re
import signal
import stat
import subprocess
import termios
import threading

import pytest

from lab.fairlead import BINARY
from lab.processes import wait_until


@pytest.fixture
def file(lab):
    return f"{lab.folder(f'local-accounts{lab.number(str())}')}/accounts"


def account(file, *arguments, password=None, **more):
    return subprocess.run([BINARY, "account", *arguments, "--file", file], input=password, capture_output=True, text=True, timeout=20,
                          **more)


def read(file):
    with open(file) as f:
        return f.read()


def test_accounts_are_made_changed_listed_and_removed(file):
    assert account(file, "add", "alice", "--groups", "Web Users,Admins", password="Secret1\n").returncode == 0
    assert account(file, "add", "Jürgen", "--disabled", password="Geheim3ß").returncode == 0
    assert account(file, "list").stdout == "alice: Web Users, Admins\nJürgen (disabled)\n"
    assert account(file, "list", "JÜRGEN").stdout == "Jürgen (disabled)\n"
    before = read(file)
    assert account(file, "set", "ALICE", "--groups", "", "--disabled").returncode == 0, "nothing to type"
    assert account(file, "set", "jürgen", "--enabled").returncode == 0
    assert account(file, "list").stdout == "alice (disabled)\nJürgen\n"
    assert [line.split(":")[2:4] for line in read(file).split("\n")[2:4]] == [line.split(":")[2:4] for line in before.split("\n")[2:4]]
    assert account(file, "set", "alice", password="Secret9\n").returncode == 0
    assert read(file).split("\n")[2].split(":")[2] != before.split("\n")[2].split(":")[2]
    assert account(file, "remove", "alice").returncode == 0
    assert account(file, "list").stdout == "Jürgen\n"


def test_the_file_holds_what_the_manual_says_and_no_password(file):
    account(file, "add", "alice", "--groups", "Web Users", password="Secret1\n")
    lines = read(file).splitlines()
    assert re.fullmatch(r"alice:enabled:[0-9a-f]{32}:\$y\$[./A-Za-z0-9$]+:Web Users:\d{8}T\d{6}Z", lines[-1])
    assert "ed50bdc9faa370e31ac4ee119fd51f48" in lines[-1], "MD4 of Secret1 in UTF-16LE"
    assert "Secret1" not in read(file)
    listed = account(file, "list").stdout
    assert "$y$" not in listed and "ed50" not in listed


def test_nobody_else_may_read_it(file):
    account(file, "add", "alice", password="Secret1\n")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    for mode in (0o640, 0o604, 0o620):
        os.chmod(file, mode)
        for what in (("list",), ("remove", "alice"), ("set", "alice", "--disabled")):
            refused = account(file, *what)
            assert refused.returncode == 1 and "chmod 0600" in refused.stderr and file in refused.stderr
    os.chmod(file, 0o600)
    os.chown(file, 12345, -1)
    assert "chown" in account(file, "list").stderr


def test_a_file_made_by_root_belongs_to_whom_its_folder_belongs(file):
    os.chown(os.path.dirname(file), 65534, 65534)
    assert account(file, "add", "alice", password="Secret1\n").returncode == 0
    assert (os.stat(file).st_uid, os.stat(file).st_gid) == (65534, 65534)
    assert account(file, "set", "alice", "--disabled").returncode == 0
    assert os.stat(file).st_uid == 65534 and os.listdir(os.path.dirname(file)) == ["accounts"]
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    said = subprocess.run([*nobody, BINARY, "account", "list", "--file", file], capture_output=True, text=True)
    assert said.stdout == "alice (disabled)\n", said.stderr


@pytest.mark.parametrize("arguments, password, said", [
    (("add", "bob:x"), "Secret1\n", "bob:x"),
    (("add", r"CORP\bob"), "Secret1\n", "will not do"),
    (("add", "ALICE"), "Secret1\n", "already"),
    (("set", "nobody", "--disabled"), None, "no account nobody"),
    (("remove", "nobody"), None, "no account nobody"),
    (("list", "nobody"), None, "no account nobody"),
    (("add", "bob"), "", "no password"),
    (("add", "bob"), "\n", "empty"),
    (("add", "bob"), "x" * 600, "longer than"),
    (("add", "bob", "--groups", "a:b"), "Secret1\n", "a:b"),
])
def test_what_will_not_do_is_said_and_changes_nothing(file, arguments, password, said):
    account(file, "add", "alice", password="Secret1\n")
    before = read(file)
    refused = account(file, *arguments, password=password)
    assert refused.returncode == 1 and said in refused.stderr, refused.stderr
    assert read(file) == before and os.listdir(os.path.dirname(file)) == ["accounts"]


def test_a_mistake_in_the_file_is_named_with_its_line(file):
    account(file, "add", "alice", password="Secret1\n")
    with open(file, "a") as f:
        f.write("bob:enabled:zz:-::20261122T021500Z\n")
    refused = account(file, "add", "carol", password="Secret1\n")
    assert refused.returncode == 1 and f"{file}:4:" in refused.stderr


@pytest.mark.parametrize("arguments", [(), ("add",), ("frob", "alice"), ("add", "a", "b"), ("list", "--secret", "x")])
def test_usage(file, arguments):
    assert account(file, *arguments, password="x\n").returncode == 2


def test_many_at_once_lose_nothing(file):
    names = [f"user{i}" for i in range(24)]
    threads = [threading.Thread(target=account, args=(file, "add", name), kwargs={"password": "Secret1\n"}) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(account(file, "list").stdout.split()) == sorted(names)


class Terminal:
    """The command with a terminal of its own."""

    def __init__(self, file, *arguments):
        self.master, slave = pty.openpty()
        self.popen = subprocess.Popen([BINARY, "account", *arguments, "--file", file], stdin=slave, stdout=slave, stderr=slave,
                                      start_new_session=True)
        self.slave = slave
        self.seen = ""
        os.set_blocking(self.master, False)

    def look(self):
        try:
            self.seen += os.read(self.master, 4096).decode()
        except (BlockingIOError, OSError):
            pass
        return self.seen

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def answer(self, prompt, text):
        wait_until(lambda: prompt in self.look() and not self.echoes(), prompt)
        os.write(self.master, text.encode() + b"\n")

    def status(self):
        status = self.popen.wait(10)
        self.look()
        echoes = self.echoes()
        os.close(self.master)
        os.close(self.slave)
        assert echoes, "the terminal got its echo back"
        return status


def test_a_terminal_is_asked_twice_without_echo(file):
    terminal = Terminal(file, "add", "alice")
    terminal.answer("Password of alice:", "Secret1")
    terminal.answer("Once more:", "Secret1")
    assert terminal.status() == 0 and "Secret1" not in terminal.seen
    assert "ed50bdc9faa370e31ac4ee119fd51f48" in read(file)


def test_two_passwords_that_differ_change_nothing(file):
    terminal = Terminal(file, "add", "alice")
    terminal.answer("Password of alice:", "Secret1")
    terminal.answer("Once more:", "Secret2")
    assert terminal.status() == 1 and "not the same" in terminal.seen
    assert not os.path.exists(file)


def test_an_interrupt_gives_the_terminal_back(file):
    terminal = Terminal(file, "add", "alice")
    wait_until(lambda: "Password of alice:" in terminal.look() and not terminal.echoes(), "the question")
    terminal.popen.send_signal(signal.SIGINT)
    assert terminal.status() == -signal.SIGINT
    assert not os.path.exists(file)
