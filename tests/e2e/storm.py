#!/usr/bin/python3
"""Many clients as alice, bob and nobody, interleaved, against an origin that binds identity to the connection as IIS does.

Counts what must never happen: an answer made for somebody else (`wrong`), an anonymous one (`forgotten`) or a 401
(`false_401`) to who had signed in on a connection that still stands, and a request on a server connection that carried
another client's token (`shared`). Used by test_identity.py, and by hand against any proxy:

    storm.py --forward HOST:PORT                a forward proxy; or none of these: no proxy at all
    storm.py --reverse HOST:PORT --origin-port P   a reverse proxy in front of the origin, which listens on P

Scenes: `bound` (NTLM, and Negotiate with NTLM inside), `kerberos` (pre-emptive, needs KRB5_CONFIG, ccaches and keytab, see
--help). Random closes, aborts in mid-handshake, several origins per client connection (forward proxies only)."""

import argparse
import asyncio
import base64
import collections
import json
import os
import random
import sys
import time

import ntlm

PASSWORDS = {"alice": "Secret1", "bob": "Secret2"}
HOSTS = [f"site{i}.lab.test" for i in range(1, 5)]
LIMIT = 20.0  # seconds that anything may take


def kerberos_modules():
    import gssapi
    return gssapi


def authorization(scheme, token):
    return f"Authorization: {scheme} {base64.b64encode(token).decode()}\r\n"


async def read_message(reader, head_of_request=False):
    """(first line, fields as a list of lower-cased name and value, body)"""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    fields = [(k.lower(), v.strip()) for k, _, v in (line.partition(":") for line in head[1:])]
    names = dict(fields)
    if names.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    elif "content-length" in names:
        body = await reader.readexactly(int(names["content-length"]))
    elif head_of_request:
        body = b""
    else:
        body = await reader.read()
    return head[0], fields, body


async def send(writer, data, rng, pieces):
    """Sends `data`, now and then (at the rate `pieces`) in pieces, as a slow network would."""
    if rng.random() < pieces:
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.randrange(1, 5)))
        for at, end in zip([0] + cuts, cuts):
            writer.write(data[at:end])
            await asyncio.sleep(rng.choice((0, 0.001)))
        data = data[cuts[-1]:]
    writer.write(data)
    await writer.drain()


class Origin:
    """Binds an identity to its connection, as IIS does; a new type 1 starts again. Paths: /open asks nobody, tells who the
    connection is; everything else wants a sign-in. /krb1: Kerberos for this request alone."""

    def __init__(self, kerberos=False, close_rate=0.0, pieces=0.0, seed=1):
        self.close_rate, self.pieces, self.random = close_rate, pieces, random.Random(seed)
        self.connections = self.requests = self.legs = 0
        self.closed = 0
        self.shared = 0  # requests on a connection that carried another client connection's token, or tokens on its leavings
        if kerberos:
            self.gssapi = kerberos_modules()
            self.credentials = self.gssapi.Credentials(usage="accept")

    async def start(self, port=0, sock=None):
        self.server = await asyncio.start_server(self._serve, *(() if sock else ("127.0.0.1", port)), sock=sock, backlog=1024,
                                                 limit=1 << 18)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader, writer):
        self.connections += 1
        user, nonce, number = None, None, self.connections
        owner, tainted = None, False
        try:
            while True:
                line, fields, body = await asyncio.wait_for(read_message(reader, True), self._patience())
                self.requests += 1
                path = line.split(" ")[1]
                scheme, _, text = next((v for k, v in fields if k == "authorization"), "").partition(" ")
                token = base64.b64decode(text) if text else None
                status, challenge, extra, this_user = 200, "", "", user
                message = ntlm.inner(token) if token else None
                kind = ntlm.message_type(message) if message else 0
                wrapped = token is not None and message is not None and len(token) != len(message)
                client = next((v for k, v in fields if k == "x-client"), None)
                if client != owner and owner is not None and (tainted or token is not None):
                    self.shared += 1
                owner, tainted = client, tainted or token is not None
                self.legs += token is not None
                if kind == 1:
                    user = this_user = None
                    reply, nonce = ntlm.challenge()
                    reply = ntlm.spnego_response(reply, 1, True) if wrapped else reply
                    status, challenge = 401, f"WWW-Authenticate: {scheme} {base64.b64encode(reply).decode()}\r\n"
                elif kind == 3:
                    this_user = user = ntlm.verify(message, nonce, PASSWORDS) if nonce else None
                    nonce = None
                    if user and wrapped:
                        extra = f"WWW-Authenticate: {scheme} {base64.b64encode(ntlm.spnego_response(state=0)).decode()}\r\n"
                elif token is not None:
                    this_user, reply = self._kerberos(token)
                    if path != "/krb1":
                        user = this_user
                    persistent = "false" if path == "/krb1" else "true"
                    if this_user:
                        extra = (f"WWW-Authenticate: Negotiate {base64.b64encode(reply).decode()}\r\n" if reply else "") + \
                            f"Persistent-Auth: {persistent}\r\n"
                if status == 200 and not this_user and path != "/open":
                    status, challenge = 401, "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n"
                answer = f"{this_user or 'anonymous'} {number} {len(body)}"
                last = status == 200 and self.random.random() < self.close_rate
                if last:
                    extra += "Connection: close\r\n"
                await send(writer, (f"HTTP/1.1 {status} X\r\n{challenge}{extra}Content-Length: {len(answer)}\r\n"
                                    f"Cache-Control: private\r\n\r\n{answer}").encode(), self.random, self.pieces)
                if last:
                    self.closed += 1
                    break
        except asyncio.TimeoutError:
            self.closed += 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _patience(self):
        """How long the next request may take: an origin that closes does so while idle, too."""
        return self.random.random() * 0.02 if self.random.random() < self.close_rate / 2 else 60

    def _kerberos(self, token):
        try:
            context = self.gssapi.SecurityContext(creds=self.credentials, usage="accept")
            reply = context.step(token)
            return (str(context.initiator_name).split("@")[0], reply) if context.complete else (None, None)
        except self.gssapi.exceptions.GSSError:
            return None, None


class Storm:
    def __init__(self, forward=None, reverse=None, origin_ports=(), clients=24, requests=2000, seed=1, kerberos=False,
                 several=True, abort_rate=0.02, close_rate=0.02, bound=True, pieces=0.0):
        self.forward, self.reverse, self.ports = forward, reverse, list(origin_ports)
        self.clients, self.left, self.seed = clients, requests, seed
        self.kerberos, self.bound = kerberos, bound
        self.several = several and forward is not None
        self.abort_rate, self.close_rate, self.pieces = abort_rate, close_rate, pieces
        self.random = random.Random(seed)
        self.count = collections.Counter()
        self.examples = []

    async def run(self):
        begin = time.monotonic()
        users = ["alice", "bob", None]
        await asyncio.gather(*(self._client(users[i % 3], random.Random(self.seed * 1000 + i)) for i in range(self.clients)))
        self.count["ms"] = int((time.monotonic() - begin) * 1000)
        return self.count

    def _wrong(self, kind, text):
        if kind == "odd" and " got 502" in text:
            kind = "bad_gateway"  # right only when an origin closed in the middle of something
        self.count[kind] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{kind}: {text}")

    def _sites(self):
        if self.reverse:
            return ["origin.lab.test"]
        return [f"{host}:{port}" for port in self.ports for host in HOSTS]

    async def _open(self, site):
        host, port = (self.forward or self.reverse or site).rsplit(":", 1)
        if not (self.forward or self.reverse):
            host = "127.0.0.1"
        stream = await asyncio.open_connection(host, int(port), limit=1 << 18)
        self.count["connections"] += 1
        return (*stream, self.count["connections"])

    async def _ask(self, stream, site, path, fields="", body=b""):
        target = f"http://{site}{path}" if self.forward else path
        method = "POST" if body or "Content-Length" in fields else "GET"
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: {site}\r\nX-Client: {stream[2]}\r\n{fields}{length}\r\n".encode()
        await send(stream[1], head + body, self.random, self.pieces)
        self.count["requests"] += 1
        self.left -= 1
        line, answered, text = await asyncio.wait_for(read_message(stream[0]), LIMIT)
        closes = any(k == "connection" and "close" in v.lower() for k, v in answered)
        return int(line.split(" ")[1]), answered, text.decode("latin-1"), closes

    async def _client(self, user, rng):
        """One person: connection after connection, each with some sites, until the work is done."""
        while self.left > 0:
            try:
                await self._connection(user, rng)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.count["closed"] += 1  # the client starts again; right only when an origin closed
            except asyncio.TimeoutError:
                self._wrong("hung", f"{user}: no answer in {LIMIT:g} s")

    async def _connection(self, user, rng):
        sites = rng.sample(self._sites(), min(len(self._sites()), rng.choice((1, 1, 2, 3))))
        if not self.several:
            sites = sites[:1]
        stream = await self._open(sites[0])
        signed = {}  # site -> how we signed in there
        try:
            for _ in range(rng.randrange(4, 40)):
                if self.left <= 0:
                    return
                site = rng.choice(sites)
                if rng.random() < self.close_rate:
                    self.count["left"] += 1
                    return
                if user is None:
                    closes = await self._as_nobody(stream, site, rng)
                elif site in signed and rng.random() > 0.1:
                    closes = await self._as_signed_in(stream, site, user, rng)
                else:
                    signed.pop(site, None)
                    closes = await self._sign_in(stream, site, user, rng, signed)
                if closes:
                    return
                if rng.random() < 0.05:
                    await asyncio.sleep(rng.random() * 0.02)
        finally:
            stream[1].close()

    async def _as_nobody(self, stream, site, rng):
        if rng.random() < 0.5:
            status, _, text, closes = await self._ask(stream, site, "/open")
            if status != 200:
                self._wrong("odd", f"nobody got {status} for /open: {text[:80]}")
            elif not text.startswith("anonymous "):
                self._wrong("wrong", f"nobody was taken for {text}")
        else:
            status, _, text, closes = await self._ask(stream, site, "/secret")
            if status == 200:
                self._wrong("wrong", f"nobody read {text}'s /secret")
            elif status != 401:
                self._wrong("odd", f"nobody got {status} for /secret: {text[:80]}")
        return closes

    async def _as_signed_in(self, stream, site, user, rng):
        body = b"x" * rng.choice((0, 0, 0, 10, 20000))
        status, _, text, closes = await self._ask(stream, site, rng.choice(("/secret", "/open")), body=body)
        self._judge(status, text, user, len(body))
        return closes

    def _judge(self, status, text, user, length):
        if status == 401:
            self._wrong("false_401", f"{user} had signed in")
        elif status != 200:
            self._wrong("odd", f"{user} got {status}: {text[:80]}")
        elif text.startswith("anonymous "):
            self._wrong("forgotten", f"{user} had signed in and was taken for nobody")
        elif text.split(" ")[0] != user:
            self._wrong("wrong", f"{user} was taken for {text}")
        elif int(text.split(" ")[2]) != length:
            self._wrong("odd", f"{length} bytes of body became {text}")
        else:
            self.count["right"] += 1
            return True
        return False

    async def _sign_in(self, stream, site, user, rng, signed):
        if self.kerberos and (not self.bound or rng.random() < 0.3):
            return await self._by_kerberos(stream, site, user, rng, signed)
        return await self._by_ntlm(stream, site, user, rng, signed)

    async def _by_ntlm(self, stream, site, user, rng, signed):
        scheme, wrap = rng.choice((("NTLM", False), ("Negotiate", False), ("Negotiate", True)))
        first = ntlm.spnego_init(ntlm.type1()) if wrap else ntlm.type1()
        if rng.random() < 0.3:  # many clients ask without a token first
            status, _, text, closes = await self._ask(stream, site, "/secret")
            if status != 401:
                self._judge(status, text, user, 0)
            if closes:
                return True
        body = b"y" * rng.choice((0, 0, 5000))
        probe = "Content-Length: 0\r\n" if body else ""
        status, fields, text, closes = await self._ask(stream, site, "/secret", authorization(scheme, first) + probe)
        token = next((v.partition(" ")[2] for k, v in fields if k == "www-authenticate" and " " in v), None)
        if status != 401 or not token:
            self._wrong("odd", f"{user} got {status} for type 1: {text[:80]}")
            return True
        if closes or rng.random() < self.abort_rate:
            self.count["aborted"] += 1
            return True
        last = ntlm.type3(ntlm.inner(base64.b64decode(token)), user, PASSWORDS[user])
        last = ntlm.spnego_response(last) if wrap else last
        status, _, text, closes = await self._ask(stream, site, "/secret", authorization(scheme, last), body)
        self.count["handshakes"] += 1
        if self._judge(status, text, user, len(body)):
            signed[site] = scheme
        return closes

    def _ticket(self, user, site):
        """A token made without asking anybody (the ticket lies in the ccache)."""
        gssapi = kerberos_modules()
        if not hasattr(self, "_credentials"):
            self._credentials = {u: gssapi.Credentials(usage="initiate", store={"ccache": os.environ["STORM_CCACHE"] + u})
                                 for u in PASSWORDS}
        name = gssapi.Name("HTTP@" + site.split(":")[0], gssapi.NameType.hostbased_service)
        mech = gssapi.OID.from_int_seq(random.choice(("1.3.6.1.5.5.2", "1.2.840.113554.1.2.2")))
        return gssapi.SecurityContext(name=name, creds=self._credentials[user], mech=mech, usage="initiate").step()

    async def _by_kerberos(self, stream, site, user, rng, signed):
        path = rng.choice(("/krb1", "/secret"))
        status, _, text, closes = await self._ask(stream, site, path, authorization("Negotiate", self._ticket(user, site)))
        self.count["tickets"] += 1
        if self._judge(status, text, user, 0) and path != "/krb1":
            signed[site] = "Kerberos"
        return closes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--forward", metavar="HOST:PORT", help="speak to a forward proxy")
    where.add_argument("--reverse", metavar="HOST:PORT", help="speak to a reverse proxy")
    parser.add_argument("--origin-port", type=int, default=0, help="where the origin listens (default: any free port)")
    parser.add_argument("--origins", type=int, default=2, help="with --forward: how many origins")
    parser.add_argument("--one-site", action="store_true", help="each client connection is for one site only")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--close-rate", type=float, default=0.0, help="how often the origins close a connection")
    parser.add_argument("--pieces", type=float, default=0.0, help="how often a message is sent in pieces")
    parser.add_argument("--kerberos", action="store_true", help="tickets as well; set KRB5_CONFIG, KRB5_KTNAME and "
                        "STORM_CCACHE, the path of the credential caches without the user's name at its end")
    parser.add_argument("--only-kerberos", action="store_true")
    parser.add_argument("--no-origin", action="store_true", help="origins of another storm.py are running already")
    parser.add_argument("--serve", action="store_true", help="only run the origin")
    options = parser.parse_args()
    options.kerberos |= options.only_kerberos

    async def run():
        ports = [options.origin_port]
        if not options.no_origin:
            origins = [await Origin(options.kerberos, options.close_rate, options.pieces).start(options.origin_port)]
            if options.forward:
                origins += [await Origin(options.kerberos, options.close_rate, options.pieces).start() for _ in range(options.origins - 1)]
            ports = [o.port for o in origins]
        if options.serve:
            await asyncio.Event().wait()
        storm = Storm(options.forward, options.reverse, ports, options.clients, options.requests, options.seed,
                      options.kerberos, bound=not options.only_kerberos, several=not options.one_site,
                      pieces=options.pieces)
        await storm.run()
        if not options.no_origin:
            storm.count["shared"] = sum(o.shared for o in origins)
            storm.count["origin_closed"] = sum(o.closed for o in origins)
        print(json.dumps(storm.count, sort_keys=True))
        for example in storm.examples:
            print("   ", example, file=sys.stderr)
        return 1 if any(storm.count[k] for k in ("wrong", "forgotten", "false_401", "shared", "hung")) else 0

    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
