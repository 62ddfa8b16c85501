"""The host names of the lab; all are 127.0.0.1."""

NAMES = ["origin.lab.test", "ntlm.lab.test", "proxy.lab.test", "proxy2.lab.test", "proxy3.lab.test"] + \
        [f"site{i}.lab.test" for i in range(1, 7)]


def hosts_file(lab):
    return lab.write("hosts", "".join(f"127.0.0.1 {name}\n" for name in NAMES))


def hosts_env_line():
    return "127.0.0.1 localhost " + " ".join(NAMES) + "\n"
