"""What is measured, and what is to be reached (ratio and limit as the project sets them)."""
import dataclasses

GIGABYTE = 1e9


@dataclasses.dataclass
class Target:
    """`of` is this proxy's cost divided by that of `than`; "best peer" is the cheapest proxy that is not a floor."""
    of: str
    than: str
    limit: float


@dataclasses.dataclass
class Workload:
    name: str
    title: str
    behaviour: str               # of bench-load
    conns: int
    per: str                     # "exchange" or "GB"
    does: str = ""               # the ability in proxies.py; the behaviour's name if left out
    also: tuple = ()             # more rows: (name of the row, proxy, behaviour)
    port: str = "WEB_PORT"       # which of a proxy's ports, where it has several
    origin: str = "web"
    logging: bool = True
    targets: tuple = ()
    latency: bool = False


TIMED = [
    Workload("get-64", "GET 1 KB, 64 keep-alive connections", "get", 64, "exchange",
             targets=(Target("fairlead", "haproxy", 0.8), Target("fairlead", "floor forward", None),
                      Target("fairlead", "floor relay", None))),
    Workload("get-1", "GET 1 KB, 1 keep-alive connection", "get", 1, "exchange", latency=True,
             targets=(Target("fairlead", "haproxy", 0.8),)),
    Workload("get-1000", "GET 1 KB, 1000 keep-alive connections", "get", 1000, "exchange",
             targets=(Target("fairlead", "haproxy", 0.8),)),
    Workload("get-64-nolog", "GET 1 KB, 64 keep-alive connections, no access log", "get", 64, "exchange", logging=False,
             targets=(Target("fairlead", "haproxy", 0.8), Target("fairlead", "floor forward", None))),
    Workload("newconn", "GET 1 KB, a new client connection each, 64 at a time", "newconn", 64, "exchange",
             targets=(Target("fairlead", "floor forward", 1.2), Target("fairlead", "best peer", 1.0))),
    Workload("download", "download of 64 MB bodies, 4 connections", "download", 4, "GB",
             targets=(Target("fairlead", "haproxy", 0.75),)),
    Workload("upload", "upload of 64 MB bodies, 4 connections", "upload", 4, "GB",
             targets=(Target("fairlead", "haproxy", 0.75),)),
    Workload("tunnel-down", "CONNECT bulk to the client, 16 flows", "tunnel-down", 16, "GB", port="TUNNEL_PORT",
             origin="tunnel", targets=(Target("fairlead", "haproxy", 0.75),)),
    Workload("tunnel-up", "CONNECT bulk to the server, 16 flows", "tunnel-up", 16, "GB", port="TUNNEL_PORT",
             origin="tunnel", targets=(Target("fairlead", "haproxy", 0.75),)),
    Workload("tunnel-setup", "CONNECT, one byte there and back, close; 16 at a time", "tunnel-setup", 16, "exchange",
             port="TUNNEL_PORT", origin="tunnel", targets=(Target("fairlead", "trafficserver", 0.8),)),
    Workload("ntlm", "GET 1 KB on 64 connections signed in by NTLM", "ntlm", 64, "exchange", port="PIN_PORT",
             also=(("fairlead, pooled", "fairlead", "get"),),
             targets=(Target("fairlead", "haproxy", 0.85), Target("fairlead", "squid", 0.2),
                      Target("fairlead", "fairlead, pooled", 1.1))),
    Workload("parent", "GET 1 KB through a parent that demands NTLM of the proxy, 64 connections", "get", 64, "exchange",
             does="parent", targets=(Target("fairlead to parent", "cntlm", 0.04), Target("fairlead to parent", "floor relay", 1.3))),
    Workload("sign-in", "a new client connection, signed in by NTLM and verified here, GET 1 KB; 16 at a time", "sign-in", 16,
             "exchange", port="SIGN_IN_PORT", targets=(Target("fairlead", "squid with ntlm_auth", 1.0),)),
    Workload("site-1k", "published site: file of 1 KB, 64 connections", "site-1k", 64, "exchange", port="SITE_PORT",
             targets=(Target("fairlead", "best peer", 1.0),)),
    Workload("site-100k", "published site: file of 100 KB, 64 connections", "site-100k", 64, "exchange", port="SITE_PORT",
             targets=(Target("fairlead", "best peer", 1.0),)),
    Workload("site-app", "published site: 1 KB from an application, 64 connections", "site-app", 64, "exchange",
             port="SITE_PORT", targets=(Target("fairlead", "best peer", 1.0),)),
    Workload("site-1k-tls", "published site over TLS: file of 1 KB, 64 connections", "site-1k-tls", 64, "exchange",
             port="SITE_TLS_PORT", targets=(Target("fairlead", "best peer", 1.0),)),
    Workload("site-100k-tls", "published site over TLS: file of 100 KB, 64 connections", "site-100k-tls", 64, "exchange",
             port="SITE_TLS_PORT", targets=(Target("fairlead", "best peer", 1.0),)),
    Workload("site-app-tls", "published site over TLS: 1 KB from an application, 64 connections", "site-app-tls", 64, "exchange",
             port="SITE_TLS_PORT", targets=(Target("fairlead", "best peer", 1.0),)),
]


@dataclasses.dataclass
class Held:
    name: str
    title: str
    behaviour: str
    conns: int
    limit: float                 # KiB a connection, at most
    does: str
    port: str = "WEB_PORT"
    origin: str = "web"


HELD = [
    Held("idle-fresh", "10,000 client connections that have sent nothing", "idle-fresh", 10000, 0.6, "idle-fresh"),
    Held("idle-used", "10,000 idle client connections after one GET", "get", 10000, 0.6, "idle-used"),
    Held("idle-tunnel", "3,000 idle tunnels", "idle-tunnel", 3000, 1.5, "idle-tunnel", "TUNNEL_PORT", "tunnel"),
    Held("idle-pinned", "3,000 idle pairs signed in by NTLM", "ntlm", 3000, 2.0, "idle-pinned", "PIN_PORT"),
    Held("signed-in", "10,000 client connections signed in by NTLM", "signed-in", 10000, 1.5, "signed-in", "SIGN_IN_PORT"),
    Held("signed-in-tls", "3,000 client connections over TLS, signed in by NTLM", "signed-in-tls", 3000, 30.0, "signed-in-tls",
         "SIGN_IN_TLS_PORT"),
    Held("slow", "1,000 requests whose answer does not come", "slow", 1000, 40.0, "slow"),
]
