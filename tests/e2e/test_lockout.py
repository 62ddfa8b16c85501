"""The lock-out guard across ends of the process: what a parent has refused is not tried again by the next start. Counted at the parent."""

import os
import re
import stat

import pytest

from lab.curl import curl
from lab.fairlead import absolute
from lab.kdc import Kdc
from lab.parents import Parent
from lab.processes import wait_until
from test_parents import PASSWORD, child, must_be_12201, page, secret, storm  # noqa: F401: fixtures among them

WRONG = "Canary-4711-wrong"


@pytest.fixture
def parent(lab):
    return Parent(lab, "ntlm")


def state_of(proxy):
    with open(f"{proxy.folder}/state/lockout") as f:
        return f.read()


def restart(proxy):
    proxy.stop()
    proxy.start()


def none_is_served(proxy, page):
    assert [proxy.ask(absolute(page)).status for _ in range(5)] == [502] * 5


def proofs_are(parent, n, mark=0):
    wait_until(lambda: len(parent.proofs(mark)) >= n, f"{n} attempts at the parent")
    assert len(parent.proofs(mark)) == n


def test_a_password_wrong_from_the_start_is_tried_once_by_all_starts(child, secret, page, parent):
    file = secret(WRONG)
    proxy = child(parent.port, file=file, workers=2)
    must_be_12201(proxy.ask(absolute(page)), "parent-refused-us")
    assert set(storm(proxy, page, 20, 1)) == {502}
    proxy.reload()
    proxy.wait_metric("reloads_total", lambda n: n == 1)
    assert set(storm(proxy, page, 20, 1)) == {502}
    for _ in range(3):
        restart(proxy)
        must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
        assert set(storm(proxy, page, 20, 1)) == {502}
    os.utime(file)
    with open(file, "w") as f:  # rewritten, as systemd and those who distribute settings do: the same secret all the same
        f.write(WRONG + "\n")
    restart(proxy)
    must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
    proofs_are(parent, 1)
    assert not [r for r in parent.since() if r["method"] == "GET"]
    with open(file, "w") as f:
        f.write(PASSWORD + "\n")
    assert proxy.ask(absolute(page)).status == 200, "a corrected secret is used at once"
    restart(proxy)
    assert proxy.ask(absolute(page)).status == 200


def test_killed_after_the_refusal(child, secret, page, parent):
    """The client's answer comes after what must be remembered is on the disk."""
    proxy = child(parent.port, file=secret(WRONG))
    must_be_12201(proxy.ask(absolute(page)), "parent-refused-us")
    proxy.kill()
    proxy.start()
    must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
    proofs_are(parent, 1)


def test_killed_in_the_middle_of_the_first_attempt(child, secret, page, lab):
    """Nobody knows how it ended: it waits as long as three refusals would have it wait, and is not held for ever."""
    from lab.wire import ScriptedOrigin
    seen = []

    def silent(w):
        seen.append(w.request())
        w.rest()

    with ScriptedOrigin(silent) as silent_parent:
        proxy = child(silent_parent.port, file=secret(WRONG))
        with proxy.connect() as c:
            c.send(absolute(page))
            wait_until(lambda: seen, "our type 1")
            proxy.kill()
        proxy.start()
        text = must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
        assert re.search(r"the next attempt is made in 1[67]\d\d s", text + str(proxy.log(1))), text
        assert len(seen) == 1
        proxy.wait_event("were being tried before this start")


def test_stopped_in_the_middle_of_the_first_attempt(child, secret, page):
    """In order: then it is known that nothing was refused, and the next start may try."""
    from lab.wire import ScriptedOrigin
    seen = []

    def silent(w):
        seen.append(w.request())
        w.rest()

    with ScriptedOrigin(silent) as silent_parent:
        proxy = child(silent_parent.port, file=secret(WRONG), drain="100ms")
        with proxy.connect() as c:
            c.send(absolute(page))
            wait_until(lambda: seen, "our type 1")
            proxy.stop()
        proxy.start()
        with proxy.connect() as c:
            c.send(absolute(page))
            wait_until(lambda: len(seen) == 2, "another type 1")


def test_gone_wrong_later_is_tried_thrice_at_most_in_a_rush_and_over_restarts(child, secret, page, parent):
    proxy = child(parent.port, file=secret())
    assert curl(proxy.url, f"http://{page}/", "-p")[0].status == 200
    assert storm(proxy, page, 5, 1) == [200] * 5
    mark = parent.mark()
    parent.winbind.set_password("svc", "Changed9-x")
    try:
        assert set(storm(proxy, page, 1, 1)) == {200}, "a pooled connection stays signed in"
        proxy.stop()
        proxy.start()
        for _ in range(3):
            assert 200 not in storm(proxy, page, 64, 1)
            restart(proxy)
        assert 1 <= len(parent.proofs(mark)) <= 3
        text = must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
        assert "the next attempt is made in" in text + str(proxy.log(1))
    finally:
        parent.winbind.set_password("svc", PASSWORD)


def test_kerberos_with_a_wrong_password_asks_the_kdc_once_over_restarts(lab, child, secret, page):
    parent, kdc = Parent(lab, "negotiate"), lab.part(Kdc)

    def asked():
        with open(f"{kdc.folder}/kdc.log") as f:
            return sum("AS_REQ" in line and "bob@" in line for line in f)

    before = asked()
    proxy = child(parent.port, "negotiate, ntlm", host="proxy3.lab.test", account="bob@LAB.TEST", file=secret(WRONG),
                  env={"KRB5_CONFIG": kdc.config})
    assert proxy.ask(absolute(page)).status == 502
    for _ in range(2):
        must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
        restart(proxy)
    must_be_12201(proxy.ask(absolute(page)), "parent-sign-in-held")
    assert not parent.proofs()
    wait_until(lambda: asked() > before, "the KDC's log")
    assert asked() - before <= 2, "one attempt, which the library may make with two types of keys"
    proxy.wait_event("the KDC refused our credentials for account bob@LAB.TEST")


# ---- the file


def test_the_file_is_for_us_alone_and_holds_no_secret(child, secret, page, parent):
    proxy = child(parent.port, file=secret())
    assert proxy.ask(absolute(page)).status == 200
    path = f"{proxy.folder}/state"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700 and stat.S_IMODE(os.stat(f"{path}/lockout").st_mode) == 0o600
    text = state_of(proxy)
    assert PASSWORD not in text and "svc" not in text and re.search(r"^secret [0-9a-f]{32} 1 0 0 ", text, re.MULTILINE)


def test_a_damaged_file_is_said_and_begun_anew(child, secret, page, parent):
    proxy = child(parent.port, file=secret(WRONG))
    none_is_served(proxy, page)
    proofs_are(parent, 1)
    proxy.stop()
    with open(f"{proxy.folder}/state/lockout", "r+") as f:
        f.write("nonsense")
    proxy.start()
    none_is_served(proxy, page)
    proofs_are(parent, 2)  # one more, and no more
    proxy.wait_event("is damaged: it is begun anew")
    restart(proxy)
    none_is_served(proxy, page)
    proofs_are(parent, 2)
    assert os.path.exists(f"{proxy.folder}/state/lockout.damaged")


def test_a_directory_that_cannot_be_written_is_said_once(lab, child, secret, page, parent):
    blocked = lab.write("no-directory", "a file")
    proxy = child(parent.port, file=secret(WRONG))
    proxy.stop()
    proxy.write_settings()
    with open(proxy.file) as f:
        text = f.read().replace(f"{proxy.folder}/state", f"{blocked}/state")
    with open(proxy.file, "w") as f:
        f.write(text)
    proxy.start()
    none_is_served(proxy, page)
    proofs_are(parent, 1)  # in memory it works all the same
    proxy.wait_event("the lock-out guard cannot")
    assert proxy.events().count("the lock-out guard cannot") == 1


# ---- how long a connection stays signed in


def test_a_changed_secret_ends_pooled_connections(child, secret, page, parent):
    file = secret()
    proxy = child(parent.port, file=file, workers=1)
    assert [proxy.ask(absolute(page)).status for _ in range(3)] == [200] * 3
    proofs_are(parent, 1)
    with open(file, "w") as f:
        f.write(WRONG + "\n")
    must_be_12201(proxy.ask(absolute(page)), "parent-refused-us")
    assert proxy.metric("parent_sign_ins_ended_total") == 1
    with open(file, "w") as f:
        f.write(PASSWORD + "\n")
    assert [proxy.ask(absolute(page)).status for _ in range(3)] == [200] * 3
    proofs_are(parent, 3)


def test_a_connection_stays_signed_in_for_so_long(child, secret, page, parent):
    proxy = child(parent.port, file=secret(), workers=1, timeouts="connect = 3s  head = 10s  parent-sign-in-age = 1s")
    assert [proxy.ask(absolute(page)).status for _ in range(3)] == [200] * 3
    assert proxy.metric("parent_sign_ins_total") == 1
    wait_until(lambda: proxy.ask(absolute(page)).status == 200 and proxy.metric("parent_sign_ins_total") == 2, "a second sign-in", 5)
    assert proxy.metric("parent_sign_ins_ended_total") == 1
