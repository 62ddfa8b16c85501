"""Passwords that tests use, looked for in whatever a Fairlead leaves behind: none of them may be in a log, a page or a figure."""

import base64
import glob
import os
import re

# Every password of the lab looks like this; what a test prints of it by its own choice is not looked at.
PASSWORD = re.compile(r"(?:Svc)?Secret\d+|Canary-[0-9A-Za-z-]+|Wrong-?Secret\w*")
BASIC = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
KEPT_SECRETS = (".secret", ".nthash", ".keytab", ".conf", "accounts")


def leaks(text):
    """The passwords in a text, plain or as the user-pass of Basic in base64."""
    found = set(PASSWORD.findall(text))
    for token in BASIC.findall(text):
        try:
            plain = base64.b64decode(token + "=" * (-len(token) % 4), validate=True).decode("utf-8")
        except ValueError:
            continue
        if ":" in plain:
            found.update(PASSWORD.findall(plain))
    return found


def leaks_in_files(folder, *files):
    """Name -> passwords found, for all that was written in a folder, files that are there to hold secrets left out."""
    everything = {path for path in glob.glob(f"{folder}/**", recursive=True) if os.path.isfile(path)} | set(files)
    found = {}
    for path in everything:
        if path.endswith(KEPT_SECRETS) or not os.path.isfile(path):
            continue
        with open(path, errors="replace") as f:
            here = leaks(f.read())
        if here:
            found[path] = here
    return found
