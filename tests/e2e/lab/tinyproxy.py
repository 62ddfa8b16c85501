"""Debian's tinyproxy: a forward proxy that opens a connection of its own for every request, so that NTLM cannot work through it."""

from .names import NAMES
from .processes import Process, free_port

_SETTINGS = """Port {port}
Listen 127.0.0.1
Timeout 60
LogFile "{d}/tinyproxy.log"
LogLevel Info
MaxClients 100
ViaProxyName "tiny"
Filter "{d}/filter"
FilterDefaultDeny Yes
FilterExtended Yes
"""

_NAMES = "127.0.0.1 localhost " + " ".join(NAMES) + "\n"


class Tinyproxy:
    """It knows the names of the lab by an /etc/hosts of its own mount namespace."""

    def __init__(self, lab):
        self.port = free_port()
        d = lab.folder("tinyproxy")
        hosts, settings = lab.write("tinyproxy/hosts", _NAMES), lab.write("tinyproxy/tinyproxy.conf", _SETTINGS.format(port=self.port, d=d))
        lab.write("tinyproxy/filter", r"^[a-z0-9]+\.lab\.test$" + "\n")  # nothing leaves this machine, whatever browsers ask for
        script = 'mount --bind "$1" /etc/hosts; exec tinyproxy -d -c "$2"'
        self.process = Process(lab, "tinyproxy", ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", hosts, settings])
        self.process.listening(self.port)
