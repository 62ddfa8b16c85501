"""The programs under test: each is started from a settings template with one worker on CPU 0, and ended by its id."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent


class Failed(Exception):
    """A proxy did not start, or is not there."""


def free_port(taken=set()):
    """A port below the range that outgoing connections use, so that none of them takes it in between."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            if port not in taken and s.connect_ex(("127.0.0.1", port)) != 0:
                taken.add(port)
                return port


def pinned(cpu, command):
    return ["taskset", "-c", str(cpu), *command] if os.cpu_count() > 1 and shutil.which("taskset") else command


def site_files(folder):
    """What all published sites have in common: files of 1 and 100 KB, a certificate."""
    files, pem = folder / "files", folder / "site.pem"
    if not pem.exists():
        files.mkdir(exist_ok=True)
        for name, size in (("1k.bin", 1024), ("100k.bin", 100 * 1024)):
            (files / name).write_bytes(b"x" * size)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=site.example",
                        "-keyout", folder / "site.key", "-out", folder / "site.crt"], check=True, capture_output=True)
        pem.write_bytes((folder / "site.crt").read_bytes() + (folder / "site.key").read_bytes())
        for file in (folder / "site.key", pem):
            file.chmod(0o600)
    return {"FILES": files, "CERTIFICATE": folder / "site.crt", "KEY": folder / "site.key", "PEM": pem}


class Proxy:
    """One program. `does` names the workloads that it can run; see workloads.py."""
    name = ""
    program = ""
    does = set()
    port_names = ("WEB_PORT",)

    def __init__(self, folder, origin, logging):
        self.folder = pathlib.Path(folder) / self.name.replace(" ", "-")
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")
        self.logging = logging
        self.access_log = self.folder / "access.log"
        self.ports = {name: free_port() for name in self.port_names}
        self.words = {"DIR": self.folder, "ORIGIN_WEB": origin["web"], "ORIGIN_TUNNEL": origin["tunnel"],
                      "ORIGIN_PARENT": origin["parent"], **site_files(pathlib.Path(folder).parent), **self.ports}
        self.process = None

    def path(self):
        found = shutil.which(self.program) or shutil.which(self.program, path="/usr/sbin:/usr/local/sbin")
        if not found:
            raise Failed(f"{self.program} is not installed (see bench/packages.txt)")
        return found

    def settings(self):
        return {}

    def fill(self, template, target, **more):
        text = (BENCH / "peers" / template).read_text()
        for word, value in {**self.words, **self.settings(), **more}.items():
            text = text.replace(f"@{word}@", str(value))
        target = self.folder / target
        target.write_text(text)
        return target

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def start(self):
        command = pinned(0, [str(word) for word in self.command()])
        with open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            env=self.environment(), cwd=self.folder)
        deadline = time.monotonic() + 20
        for port in self.ports.values():
            while not self.answers(port):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    tail = (self.folder / "out").read_text(errors="replace")[-600:]
                    self.stop()
                    raise Failed(f"{self.name} did not start: {tail.strip()}")
                time.sleep(0.05)
        time.sleep(0.1)
        self.keep_to_cpu(0)

    def keep_to_cpu(self, cpu):
        """Some programs (Traffic Server) choose the CPUs of their threads themselves, and would land on the load's."""
        if os.cpu_count() < 2:
            return
        for one in self.ids():
            for thread in os.listdir(f"/proc/{one}/task"):
                os.sched_setaffinity(int(thread), {cpu})

    @staticmethod
    def answers(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def ids(self):
        """The process and all that it started."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = pathlib.Path("/proc", entry, "stat").read_text()
                    parents[int(entry)] = int(stat.rsplit(")", 1)[1].split()[1])
                except (FileNotFoundError, ProcessLookupError):
                    pass
        ids = [self.process.pid]
        for one in ids:
            ids += [child for child, parent in parents.items() if parent == one]
        return ids

    def stop(self):
        if self.process is None:
            return
        ids = self.ids() if self.process.poll() is None else []
        for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 2.0)):
            for one in ids:
                try:
                    os.kill(one, number)
                except ProcessLookupError:
                    pass
            try:
                self.process.wait(patience)
                if number == signal.SIGKILL:
                    break
            except subprocess.TimeoutExpired:
                pass
        self.process = None

    def trim_log(self):
        """Logs are written to keep the load equal, not to be read."""
        for file in self.folder.rglob("*"):
            if file.is_file() and file.stat().st_size > 64 << 20:
                os.truncate(file, 0)


PLAIN = {"get", "newconn", "download", "upload", "idle-fresh", "idle-used", "slow"}
TUNNELS = {"tunnel-down", "tunnel-up", "tunnel-setup", "idle-tunnel"}
PINS = {"ntlm", "idle-pinned"}
APPLICATIONS = {"site-app", "site-app-tls"}
FILES = {"site-1k", "site-100k", "site-1k-tls", "site-100k-tls"}
SIGN_INS = {"sign-in", "signed-in", "signed-in-tls"}
SITE_PORTS = ("SITE_PORT", "SITE_TLS_PORT")


class Fairlead(Proxy):
    name = "fairlead"
    does = PLAIN | TUNNELS | PINS | APPLICATIONS | FILES | SIGN_INS
    port_names = ("WEB_PORT", "SIGN_IN_PORT", "SIGN_IN_TLS_PORT", *SITE_PORTS)

    def path(self):
        program = pathlib.Path(os.environ.get("FAIRLEAD_BIN", ROOT / "build" / "fairlead"))
        if not program.exists():
            raise Failed(f"{program} is not built (FAIRLEAD_BIN names another)")
        return program.resolve()

    def settings(self):
        return {"ACCESS_LOG": self.access_log if self.logging else "none"}

    def command(self):
        subprocess.run([self.path(), "account", "add", "bench", "--file", self.folder / "accounts"], input=b"bench-secret\n",
                       check=True, capture_output=True)
        return [self.path(), "serve", "-c", self.fill("fairlead.conf.in", "fairlead.conf")]


class FairleadToParent(Fairlead):
    """Signs in to a parent by NTLM, for clients that do not."""
    name = "fairlead to parent"
    does = {"parent"}
    port_names = ("WEB_PORT",)

    def command(self):
        secret = self.folder / "secret"
        secret.write_text("bench-secret\n")
        secret.chmod(0o600)
        return [self.path(), "serve", "-c", self.fill("fairlead-parent.conf.in", "fairlead.conf")]


class Cntlm(Proxy):
    name = program = "cntlm"
    does = {"parent"}

    def command(self):
        return [self.path(), "-f", "-c", self.fill("cntlm.conf.in", "cntlm.conf")]


class Apache(Proxy):
    name, program = "apache", "apache2"
    does = APPLICATIONS | FILES
    port_names = SITE_PORTS

    def settings(self):
        log = f'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common\nCustomLog {self.access_log} common\nBufferedLogs On'
        return {"MODULES": "/usr/lib/apache2/modules", "LOG": log if self.logging else ""}

    def command(self):
        return [self.path(), "-DFOREGROUND", "-f", self.fill("apache.conf.in", "apache.conf")]


class OtherFairlead(Fairlead):
    """Another build, named by --compare."""
    name = "fairlead, other"

    def path(self):
        return pathlib.Path(os.environ["FAIRLEAD_OTHER"]).resolve()


class Haproxy(Proxy):
    name = program = "haproxy"
    does = PLAIN | TUNNELS | PINS | APPLICATIONS
    port_names = ("WEB_PORT", "PIN_PORT", "TUNNEL_PORT", *SITE_PORTS)

    def settings(self):
        if self.logging:  # its standard output is a file
            return {"LOG_GLOBAL": "log stdout len 2048 format raw local0 info", "LOG_DEFAULTS": "log global\n option httplog"}
        return {"LOG_GLOBAL": "", "LOG_DEFAULTS": ""}

    def command(self):
        return [self.path(), "-db", "-f", self.fill("haproxy.conf.in", "haproxy.conf")]


class Nginx(Proxy):
    name = program = "nginx"
    does = PLAIN | APPLICATIONS | FILES
    port_names = ("WEB_PORT", *SITE_PORTS)

    def settings(self):
        return {"ACCESS_LOG": f"{self.access_log} combined buffer=64k flush=5s" if self.logging else "off"}

    def command(self):
        return [self.path(), "-p", self.folder, "-c", self.fill("nginx.conf.in", "nginx.conf")]


class Squid(Proxy):
    name = program = "squid"
    does = PLAIN | TUNNELS | PINS

    def settings(self):
        return {"ACCESS_LOG": f"stdio:{self.access_log}" if self.logging else "none"}

    def command(self):
        return [self.path(), "-N", "-f", self.fill("squid.conf.in", "squid.conf")]


class SquidSignIn(Squid):
    """Squid that signs clients in: Samba's helpers and winbindd count as its own."""
    name = "squid with ntlm_auth"
    does = {"sign-in"}
    port_names = ("SIGN_IN_PORT",)

    def command(self):
        for program in ("winbindd", "ntlm_auth", "pdbedit", "unshare"):
            if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin"):
                raise Failed(f"{program} is not installed (see bench/packages.txt)")
        conf = self.fill("squid.conf.in", "squid.conf", WEB_PORT=self.ports["SIGN_IN_PORT"])
        text = conf.read_text().replace("http_access allow all\n", """auth_param ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp
auth_param ntlm children 20 startup=20 idle=20
auth_param ntlm keep_alive on
acl signed_in proxy_auth REQUIRED
http_access allow signed_in
""")
        conf.write_text(text)
        script = self.fill("squid-sign-in.sh.in", "start.sh", SQUID_CONF=conf)
        return ["unshare", "-m", "--propagation", "private", "sh", script]


class TrafficServer(Proxy):
    name, program = "trafficserver", "traffic_server"
    does = PLAIN | TUNNELS

    def settings(self):
        return {"LOGGING": 3 if self.logging else 0}

    def command(self):
        d = self.folder
        shutil.copytree("/etc/trafficserver", d / "etc", symlinks=False, ignore_dangling_symlinks=True)
        for name in ("run", "log", "cache", "var"):
            (d / name).mkdir()
        self.fill("trafficserver.conf.in", "etc/records.config")
        self.fill("trafficserver-logging.yaml.in", "etc/logging.yaml")
        (d / "etc" / "remap.config").write_text("")
        (d / "etc" / "storage.config").write_text(f"{d}/cache 32M\n")
        layout = {"prefix": d, "exec_prefix": d, "bindir": "/usr/bin", "sbindir": "/usr/sbin", "sysconfdir": d / "etc",
                  "datadir": d / "var", "includedir": d / "var", "libdir": "/usr/lib",
                  "libexecdir": "/usr/lib/trafficserver/modules", "localstatedir": d / "var", "runtimedir": d / "run",
                  "logdir": d / "log", "cachedir": d / "cache"}
        (d / "runroot.yaml").write_text("".join(f"{key}: {value}\n" for key, value in layout.items()))
        if os.getuid() == 0:
            for file in [d, *d.rglob("*")]:
                shutil.chown(file, "nobody", "nogroup")
        return [self.path()]

    def environment(self):
        return {**os.environ, "TS_RUNROOT": str(self.folder)}


class Tinyproxy(Proxy):
    name = program = "tinyproxy"
    does = (PLAIN | TUNNELS) - {"idle-fresh", "idle-used"}

    def settings(self):
        return {"LOG_LEVEL": "Connect" if self.logging else "Critical"}

    def command(self):
        return [self.path(), "-d", "-c", self.fill("tinyproxy.conf.in", "tinyproxy.conf")]


class FloorRelay(Proxy):
    """Copies bytes, parses nothing."""
    name = "floor relay"
    does = {"get", "newconn", "download", "upload", "parent"}

    def command(self):
        return [self.build / "floor-relay", self.ports["WEB_PORT"], self.words["ORIGIN_WEB"]]


class FloorForward(Proxy):
    """Parses the least, checks nothing, logs through a buffer."""
    name = "floor forward"
    does = {"get", "newconn", "download", "upload"} | TUNNELS

    def command(self):
        log = [self.access_log] if self.logging else []
        return [self.build / "floor-forward", self.ports["WEB_PORT"], self.words["ORIGIN_WEB"], self.words["ORIGIN_TUNNEL"], *log]


class Direct(Proxy):
    """No proxy at all: what the way to the origin takes by itself."""
    name = "direct"
    does = {"get"}

    def __init__(self, folder, origin, logging):
        super().__init__(folder, origin, logging)
        self.ports = {"WEB_PORT": origin["web"]}

    def start(self):
        pass

    def ids(self):
        return []


ALL = {kind.name: kind for kind in
       (Fairlead, OtherFairlead, FairleadToParent, FloorRelay, FloorForward, Haproxy, Nginx, Apache, Squid, SquidSignIn, TrafficServer,
        Tinyproxy, Cntlm, Direct)}
