"""A private MIT realm (LAB.TEST) on 127.0.0.1, with alice, bob, a keytab for HTTP/<names of the lab>, and ccaches."""

import os
import subprocess

from .names import NAMES
from .processes import Process, free_port

_KRB5 = """[libdefaults]
  default_realm = {realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  ticket_lifetime = 1h
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  .lab.test = {realm}
"""

_KDC = """[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {d}/principal
    key_stash_file = {d}/stash
    acl_file = {d}/kadm5.acl
    supported_enctypes = aes256-cts:normal aes128-cts:normal
  }}
[logging]
  kdc = FILE:{d}/kdc.log
"""


class Kdc:
    def __init__(self, lab, realm="LAB.TEST", folder="krb"):
        self.folder = d = lab.folder(folder)
        port = free_port()
        self.config = lab.write(f"{folder}/krb5.conf", _KRB5.format(port=port, realm=realm))
        self.keytab = f"{d}/http.keytab"
        # No replay cache: a test client makes more tickets a second than its clock tells apart.
        self.server_env = {"KRB5_CONFIG": self.config, "KRB5_KTNAME": self.keytab, "KRB5RCACHETYPE": "none",
                           "KRB5RCACHENAME": "none:"}
        admin = {**os.environ, "KRB5_CONFIG": self.config,
                 "KRB5_KDC_PROFILE": lab.write(f"{folder}/kdc.conf", _KDC.format(port=port, d=d, realm=realm))}
        self._run(["kdb5_util", "create", "-s", "-r", realm, "-P", "masterpw"], admin)
        commands = ["addprinc -pw Secret1 alice", "addprinc -pw Secret2 bob"]
        for name in NAMES:
            commands += [f"addprinc -randkey HTTP/{name}", f"ktadd -k {self.keytab} HTTP/{name}"]
        self._run(["kadmin.local"], admin, "\n".join(commands) + "\nquit\n")
        os.chmod(self.keytab, 0o644)
        Process(lab, f"krb5kdc-{folder}", ["krb5kdc", "-n"], env=admin).listening(port)
        for user, password in (("alice", "Secret1"), ("bob", "Secret2")):
            self._run(["kinit", "-c", self.ccache(user), user], admin, password + "\n")

    @staticmethod
    def _run(argv, env, stdin=""):
        subprocess.run(argv, env=env, input=stdin, text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def ccache(self, user):
        return f"{self.folder}/cc.{user}"

    def client_env(self, user):
        return {"KRB5_CONFIG": self.config, "KRB5CCNAME": self.ccache(user)}
