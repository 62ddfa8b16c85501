"""Our NTLM and SPNEGO, both ends, with other implementations of the other end and no HTTP between them: Samba's ntlm_auth, MIT's GSSAPI with
gss-ntlmssp, python3-ntlm-auth, and this folder's own ntlm.py.

Every end is a process that speaks Samba's line protocol; `converse` carries the tokens."""

import base64
import hashlib
import os
import struct
import subprocess

import pytest

import ntlm
from lab.fairlead import BINARY
from lab.names import NAMES
from lab.winbind import USERS, Winbind

HERE = os.path.dirname(os.path.abspath(__file__))
GSS_PIPE = os.path.join(HERE, "..", "interop", "gss_pipe.py")
ACCOUNTS = [f"user={name}:{password}" for name, password in USERS.items()]
BINDINGS = "tls-server-end-point:0123456789abcdef0123456789abcdef"
OTHER_BINDINGS = "tls-server-end-point:ffffffffffffffffffffffffffffffff"
SCHEME = {"ntlm": "NTLM", "spnego": "Negotiate"}
MECHANISMS = pytest.mark.parametrize("mechanism", ["ntlm", "spnego"])


class End:
    def __init__(self, *argv, env=None):
        self.process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env={**os.environ, **(env or {})})

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture(scope="module")
def pipe():
    """The program that is our end; ./dev builds it with the tests."""
    folder = os.path.dirname(os.path.abspath(BINARY))
    path = os.path.join(folder, "ntlm_pipe")
    if not os.path.exists(path):
        subprocess.run(["cmake", "--build", folder, "--target", "ntlm_pipe"], check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture
def end():
    """Makes ends, and ends them."""
    made = []

    def make(*argv, env=None):
        made.append(End(*argv, env=env))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def our_server(end, pipe):
    return lambda mechanism, *words: end(pipe, "server", SCHEME[mechanism], "domain=LAB", *ACCOUNTS, *words)


@pytest.fixture
def our_client(end, pipe):
    return lambda mechanism, user="alice", password="Secret1", *words, domain="LAB": end(
        pipe, "client", SCHEME[mechanism], user, domain, password, *words)


@pytest.fixture(scope="module")
def gss_settings(lab):
    users = lab.write("gss-users", "".join(f"LAB:{name}:{password}\n" for name, password in USERS.items()))
    krb5 = lab.write("gss-krb5.conf", "[libdefaults]\ndns_lookup_kdc = false\ndns_lookup_realm = false\n"
                                      "dns_canonicalize_hostname = false\ndefault_realm = NOWHERE.TEST\n")
    return {"NTLM_USER_FILE": users, "KRB5_CONFIG": krb5, "KRB5CCNAME": "/nonexistent", "NETBIOS_COMPUTER_NAME": "GSSHOST",
            "NETBIOS_DOMAIN_NAME": "LAB"}


@pytest.fixture
def gss_server(end, gss_settings):
    return lambda mechanism, **env: end("/usr/bin/python3", GSS_PIPE, "server", mechanism, env={**gss_settings, **env})


@pytest.fixture
def gss_client(end, gss_settings):
    return lambda mechanism, password, *words, **env: end(
        "/usr/bin/python3", GSS_PIPE, "client", mechanism, "alice", "LAB", password, "HTTP@proxy1.lab.example", *words,
        env={**gss_settings, **env})


def converse(client, server):
    """(the server's last line, the messages that went to and fro)"""
    messages = []
    word, line = "YR", client.say("YR")
    for _ in range(6):
        assert len(line.split()) >= 2 and line[:2] in ("YR", "KK", "TT", "AF"), f"the client said {line!r}"
        messages.append(base64.b64decode(line.split()[1]))
        answer = server.say(f"{word} {line.split()[1]}")
        if answer[:2] != "TT":
            return answer, messages
        messages.append(base64.b64decode(answer.split()[1]))
        word, line = "KK", client.say(f"TT {answer.split()[1]}")
    raise AssertionError("no end to this conversation")


def accepted(answer, user="alice"):
    words = answer.split()
    assert words[0] == "AF" and user in words[1:] + [w.rpartition("\\")[2] for w in words], answer
    return words


def av_flags(type3):
    """The flags in the AV pairs of a type 3, wherever it stands in the token."""
    message = ntlm.inner(type3)
    length, _, offset = struct.unpack_from("<HHI", message, 20)
    pairs = message[offset + 44:offset + length]
    while len(pairs) >= 4:
        kind, size = struct.unpack_from("<HH", pairs)
        if kind == 6:
            return struct.unpack_from("<I", pairs, 4)[0]
        pairs = pairs[4 + size:] if kind else b""
    return 0


# ---- Samba's client, our server --------------------------------------------------------------------------------------

def samba_client(end, mechanism, password="Secret1", user="alice"):
    protocol = "ntlmssp-client-1" if mechanism == "ntlm" else "gss-spnego-client"
    return end("ntlm_auth", f"--helper-protocol={protocol}", f"--username={user}", "--domain=LAB", f"--password={password}")


@MECHANISMS
@pytest.mark.parametrize("signing", [False, True])
def test_sambas_client(end, our_server, mechanism, signing):
    """It makes an integrity code only if it is to sign."""
    client = samba_client(end, mechanism)
    if signing:
        assert client.say("SF NTLMSSP_FEATURE_SIGN") == "OK"
    answer, messages = converse(client, our_server(mechanism, *(["mic"] if signing else [])))
    words = accepted(answer)
    assert bool(av_flags(messages[2]) & 2) == signing
    if mechanism == "spnego" and signing:  # the client checks our mechListMIC
        assert client.say(f"TT {words[1]}").startswith("AF")


@MECHANISMS
def test_sambas_client_with_a_wrong_password(end, our_server, mechanism):
    answer, _ = converse(samba_client(end, mechanism, "Secret2"), our_server(mechanism))
    assert answer.startswith("NA wrong-password LAB\\alice")


def test_sambas_client_refuses_our_list_when_its_signature_is_wrong(end, our_server):
    client = samba_client(end, "spnego")
    assert client.say("SF NTLMSSP_FEATURE_SIGN") == "OK"
    words = accepted(converse(client, our_server("spnego"))[0])
    token = bytearray(base64.b64decode(words[1]))
    token[-6] ^= 1
    assert not client.say(f"TT {base64.b64encode(token).decode()}").startswith("AF")


@MECHANISMS
def test_sambas_client_with_letters_beyond_ascii(end, pipe, mechanism):
    server = end(pipe, "server", SCHEME[mechanism], "domain=LAB", "user=jürgen:grün€")
    client = end("ntlm_auth", "--helper-protocol=" + {"ntlm": "ntlmssp-client-1", "spnego": "gss-spnego-client"}[mechanism],
                 "--username=jürgen", "--domain=LAB", "--password=grün€", env={"LC_ALL": "C.UTF-8"})
    assert "AF" in converse(client, server)[0]


def test_one_of_our_servers_serves_one_conversation_after_the_other(end, our_server):
    server = our_server("ntlm")
    for _ in range(3):
        accepted(converse(samba_client(end, "ntlm"), server)[0])
        assert converse(samba_client(end, "ntlm", "no"), server)[0].startswith("NA wrong-password")


# ---- our client, Samba's server --------------------------------------------------------------------------------------

def samba_server(mechanism):
    return ["ntlm_auth", "--helper-protocol=" + {"ntlm": "squid-2.5-ntlmssp", "spnego": "gss-spnego"}[mechanism]]


@pytest.fixture(scope="module")
def winbind(lab):
    return lab.part(Winbind)


@MECHANISMS
@pytest.mark.parametrize("user, password, well", [("alice", "Secret1", True), ("bob", "Secret2", True), ("alice", "no", False),
                                                  ("mallory", "Secret1", False)])
def test_our_client_before_sambas_server_and_winbind(end, winbind, our_client, mechanism, user, password, well):
    client, server = our_client(mechanism, user, password), end(*winbind.inside(*samba_server(mechanism)))
    answer, messages = converse(client, server)
    assert answer.startswith("AF" if well else "NA"), answer
    if well:
        accepted(answer, user)


@MECHANISMS
def test_our_client_before_sambas_server_which_checks_integrity(end, our_client, mechanism):
    """With the password given, ntlm_auth verifies by itself, the integrity code too."""
    def server():
        return end(*samba_server(mechanism), "--username=alice", "--domain=LAB", "--password=Secret1")
    client = our_client(mechanism)
    answer, messages = converse(client, server())
    words = accepted(answer)
    assert av_flags(messages[2]) & 2
    if mechanism == "spnego":
        assert client.say(f"TT {words[1]}") == "AF *"
    # The same type 3 with another bit in its integrity code.
    client, judge = our_client(mechanism), server()
    challenge = judge.say(client.say("YR")).split()[1]
    token = bytearray(base64.b64decode(client.say(f"TT {challenge}").split()[1]))
    token[token.find(ntlm.SIGNATURE) + 75] ^= 1
    assert not judge.say(f"KK {base64.b64encode(token).decode()}").startswith("AF")


@MECHANISMS
def test_our_client_with_a_hash_for_a_password(end, winbind, our_client, mechanism):
    digest = ntlm.md4("Secret1".encode("utf-16le")).hex()
    client, server = our_client(mechanism, "alice", digest, "hash"), end(*winbind.inside(*samba_server(mechanism)))
    accepted(converse(client, server)[0])


# ---- gss-ntlmssp -----------------------------------------------------------------------------------------------------

@MECHANISMS
@pytest.mark.parametrize("words", [(), ("sign",)])
def test_gss_client(our_server, gss_client, mechanism, words):
    """gss-ntlmssp makes its integrity code inside SPNEGO only."""
    client = gss_client(mechanism, "Secret1", *words)
    answer, messages = converse(client, our_server(mechanism, *(["mic"] if mechanism == "spnego" else [])))
    said = accepted(answer)
    assert bool(av_flags(messages[2]) & 2) == (mechanism == "spnego")
    if mechanism == "spnego":  # our mechListMIC
        assert client.say(f"TT {said[1]}") == "AF *"


@MECHANISMS
def test_gss_client_with_a_wrong_password(our_server, gss_client, mechanism):
    assert converse(gss_client(mechanism, "no"), our_server(mechanism))[0].startswith("NA wrong-password")


def test_gss_client_without_the_integrity_code_that_is_demanded(our_server, gss_client):
    assert converse(gss_client("ntlm", "Secret1"), our_server("ntlm", "mic"))[0].startswith("NA mic-missing")


@MECHANISMS
@pytest.mark.parametrize("theirs, ours, demanded, expected", [
    (BINDINGS, BINDINGS, True, "AF"),
    (OTHER_BINDINGS, BINDINGS, False, "NA channel-bindings-wrong"),
    (None, BINDINGS, False, "AF"),
    (None, BINDINGS, True, "NA channel-bindings-missing"),
    (BINDINGS, None, False, "AF"),
])
def test_gss_client_and_channel_bindings(our_server, gss_client, mechanism, theirs, ours, demanded, expected):
    words = ([f"bind-text={ours}"] if ours else []) + (["bindings"] if demanded else [])
    env = {"BINDINGS": theirs} if theirs else {}
    assert converse(gss_client(mechanism, "Secret1", **env), our_server(mechanism, *words))[0].startswith(expected)


@MECHANISMS
def test_our_client_before_a_gss_server(our_client, gss_server, mechanism):
    client = our_client(mechanism)
    said = accepted(converse(client, gss_server(mechanism))[0])
    if mechanism == "spnego":
        assert client.say(f"TT {said[1]}") == "AF *"
    assert converse(our_client(mechanism, "alice", "no"), gss_server(mechanism))[0].startswith("NA")


@MECHANISMS
@pytest.mark.parametrize("ours, expected", [(BINDINGS, "AF"), (OTHER_BINDINGS, "NA")])
def test_our_client_and_channel_bindings(our_client, gss_server, mechanism, ours, expected):
    client = our_client(mechanism, "alice", "Secret1", f"bind-text={ours}")
    assert converse(client, gss_server(mechanism, BINDINGS=BINDINGS))[0].startswith(expected)


# ---- python3-ntlm-auth, and ntlm.py ----------------------------------------------------------------------------------

def token(line):
    return base64.b64decode(line.split()[1])


def text(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def md4(monkeypatch):
    """python3-ntlm-auth takes MD4 from OpenSSL, which has none."""
    new = hashlib.new

    class Md4:
        def __init__(self, data):
            self.data = data

        def digest(self):
            return ntlm.md4(self.data)

    monkeypatch.setattr(hashlib, "new", lambda name, data=b"", **kw: Md4(data) if name == "md4" else new(name, data, **kw))


def python_client(**settings):
    from ntlm_auth.ntlm import NtlmContext
    return NtlmContext("alice", settings.pop("password", "Secret1"), "LAB", "PYTHON", **settings)


def python_conversation(client, server):
    challenge = server.say(f"YR {text(client.step())}")
    return server.say(f"KK {text(client.step(token(challenge)))}")


def test_python_ntlm_auth_signs_in_with_an_integrity_code(md4, our_server):
    accepted(python_conversation(python_client(), our_server("ntlm", "mic")))
    assert python_conversation(python_client(password="no"), our_server("ntlm")).startswith("NA wrong-password")


@pytest.mark.parametrize("level, expected", [(0, "lm-or-ntlmv1"), (1, "lm-or-ntlmv1"), (2, "lm-or-ntlmv1"), (3, None), (5, None)])
def test_python_ntlm_auth_at_each_level_of_compatibility(md4, our_server, level, expected):
    answer = python_conversation(python_client(ntlm_compatibility=level), our_server("ntlm"))
    assert answer.startswith(f"NA {expected}" if expected else "AF"), answer


@pytest.mark.parametrize("ours, expected", [(BINDINGS, "AF"), (OTHER_BINDINGS, "NA channel-bindings-wrong")])
def test_python_ntlm_auth_and_channel_bindings(md4, our_server, ours, expected):
    from ntlm_auth.gss_channel_bindings import GssChannelBindingsStruct
    bindings = GssChannelBindingsStruct()
    bindings[bindings.APPLICATION_DATA] = BINDINGS.encode()
    client = python_client(cbt_data=bindings)
    assert python_conversation(client, our_server("ntlm", "bindings", f"bind-text={ours}")).startswith(expected)


@MECHANISMS
def test_the_least_client_there_can_be(our_server, mechanism):
    """32 bytes of type 1, no version, no integrity code, and inside SPNEGO no mechListMIC."""
    wrap = ntlm.spnego_init if mechanism == "spnego" else lambda t: t
    wrap_next = ntlm.spnego_response if mechanism == "spnego" else lambda t: t
    server = our_server(mechanism)
    type2 = ntlm.inner(token(server.say(f"YR {text(wrap(ntlm.type1()))}")))
    accepted(server.say(f"KK {text(wrap_next(ntlm.type3(type2, 'alice', 'Secret1')))}"))
    demanding = our_server(mechanism, "mic")
    type2 = ntlm.inner(token(demanding.say(f"YR {text(wrap(ntlm.type1()))}")))
    assert demanding.say(f"KK {text(wrap_next(ntlm.type3(type2, 'alice', 'Secret1')))}").startswith("NA mic-missing")


def test_bare_ntlm_as_negotiate_is_answered_bare(our_server):
    server = our_server("spnego")
    type2 = token(server.say(f"YR {text(ntlm.type1())}"))
    assert type2.startswith(ntlm.SIGNATURE)
    answer = server.say(f"KK {text(ntlm.type3(type2, 'alice', 'Secret1'))}")
    assert answer == "AF * alice negotiate-ntlm"


@MECHANISMS
def test_our_client_before_the_least_server(our_client, mechanism):
    client = our_client(mechanism)
    type1 = ntlm.inner(token(client.say("YR")))
    assert ntlm.message_type(type1) == 1
    type2, nonce = ntlm.challenge()
    wrapped = ntlm.spnego_response(type2, 1, mech=True) if mechanism == "spnego" else type2
    type3 = ntlm.inner(token(client.say(f"TT {text(wrapped)}")))
    assert ntlm.verify(type3, nonce, {"alice": "Secret1"}) == "alice"
    assert ntlm.verify(type3, nonce, {"alice": "Secret2"}) is None


# ---- Kerberos inside SPNEGO, and NTLM where it fails ------------------------------------------------------------------

HOST = NAMES[0]


@pytest.fixture
def kerberos_and_ntlm(kdc, gss_settings):
    """An environment with alice's ticket and her NTLM password."""
    return {**gss_settings, **kdc.client_env("alice")}


@pytest.fixture
def any_client(end, kerberos_and_ntlm):
    return lambda *words, **env: end("/usr/bin/python3", GSS_PIPE, "client", "any", "-", "-", "-", f"HTTP@{HOST}", *words,
                                     env={**kerberos_and_ntlm, **env})


def test_gss_client_with_a_ticket(end, pipe, kdc, any_client):
    server = end(pipe, "server", "Negotiate", "domain=LAB", f"keytab={kdc.keytab}", *ACCOUNTS, env=kdc.server_env)
    client = any_client()
    words = accepted(converse(client, server)[0])
    assert words[-1] == "kerberos"
    assert client.say(f"TT {words[1]}") == "AF *"  # our AP-REP


def test_a_ticket_without_spnego(end, pipe, kdc, kerberos_and_ntlm):
    """In the frame of RFC 2743, and as a bare AP-REQ; answered as it came, and with the connection's bindings checked."""
    server = end(pipe, "server", "Negotiate", f"keytab={kdc.keytab}", f"bind-text={BINDINGS}", "bindings", env=kdc.server_env)

    def ticket(**env):
        client = end("/usr/bin/python3", GSS_PIPE, "client", "krb5", "-", "-", "-", f"HTTP@{HOST}", env={**kerberos_and_ntlm, **env})
        return client, client.say("YR").split()[1]
    client, framed = ticket(BINDINGS=BINDINGS)
    words = accepted(server.say(f"YR {framed}"))
    assert words[-1] == "kerberos" and client.say(f"TT {words[1]}") == "AF *"
    bare = base64.b64decode(ticket(BINDINGS=BINDINGS)[1])
    bare = bare[bare.index(b"\x01\x00\x6e", 0, 32) + 2:]
    assert accepted(server.say(f"YR {text(bare)}"))[-1] == "kerberos"
    assert server.say(f"YR {ticket(BINDINGS=OTHER_BINDINGS)[1]}").startswith("NA channel-bindings-wrong")
    assert server.say(f"YR {ticket()[1]}").startswith("NA channel-bindings-missing")


@pytest.mark.parametrize("words", [[], ["keytab=/nonexistent/keytab"]])
def test_gss_client_whose_ticket_is_no_use_signs_in_by_ntlm(end, pipe, any_client, words):
    """Kerberos is not offered, or is and fails: the client begins anew with NTLM, and the list of mechanisms must be signed both ways."""
    server = end(pipe, "server", "Negotiate", "domain=LAB", *ACCOUNTS, *words)
    client = any_client("sign")
    answer, messages = converse(client, server)
    said = accepted(answer)
    assert said[-1] == "negotiate-ntlm" and len(messages) == 5
    assert base64.b64decode(said[1])[-16:-12] == b"\1\0\0\0"  # our mechListMIC
    assert client.say(f"TT {said[1]}") == "AF *"


@pytest.mark.parametrize("how", ["ccache", "password"])
def test_our_client_with_a_ticket(end, pipe, kdc, gss_settings, how):
    password, words = {"ccache": ("", [f"ccache={kdc.ccache('alice')}"]), "password": ("Secret1", ["principal=alice@LAB.TEST"])}[how]
    client = end(pipe, "client", "Negotiate", "alice", "", password, f"spn=HTTP/{HOST}", *words, env={"KRB5_CONFIG": kdc.config})
    server = end("/usr/bin/python3", GSS_PIPE, "server", "any", env={**gss_settings, **kdc.server_env})
    accepted(converse(client, server)[0], "alice@LAB.TEST")


def test_our_client_whose_ticket_is_no_use_signs_in_by_ntlm(end, pipe, kdc, gss_server):
    client = end(pipe, "client", "Negotiate", "alice", "LAB", "Secret1", f"spn=HTTP/{HOST}", "principal=alice@LAB.TEST",
                 env={"KRB5_CONFIG": kdc.config})
    answer, messages = converse(client, gss_server("spnego"))
    words = accepted(answer)
    assert ntlm.inner(messages[0]) is None and len(messages) == 5
    assert client.say(f"TT {words[1]}") == "AF *"


def test_our_two_ends_fall_back_together(end, pipe, kdc):
    server = end(pipe, "server", "Negotiate", "domain=LAB", *ACCOUNTS, "keytab=/nonexistent/keytab")
    client = end(pipe, "client", "Negotiate", "alice", "LAB", "Secret1", f"spn=HTTP/{HOST}", "principal=alice@LAB.TEST",
                 env={"KRB5_CONFIG": kdc.config})
    words = accepted(converse(client, server)[0])
    assert words[-1] == "negotiate-ntlm" and client.say(f"TT {words[1]}") == "AF *"
