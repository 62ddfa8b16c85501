"""Reads the tables of tests/wire; how their bytes are spelled stands at the top of messages.txt."""

import os
import re

FOLDER = os.path.join(os.path.dirname(__file__), "../../wire")
_LETTERS = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "p": b"|"}


def _unescape(text, at, in_braces):
    out = b""
    while at < len(text) and not (in_braces and text[at] == "}"):
        if text[at] != "\\":
            out += text[at].encode("latin-1")
            at += 1
        elif text[at + 1] == "x":
            out += bytes([int(text[at + 2:at + 4], 16)])
            at += 4
        elif text[at + 1] == "*":
            brace = text.index("{", at)
            inside, end = _unescape(text, brace + 1, True)
            out += inside * int(text[at + 2:brace])
            at = end + 1
        else:
            out += _LETTERS[text[at + 1]]
            at += 2
    return out, at


def unescape(text):
    return _unescape(text, 0, False)[0]


def rows(name):
    """(section, columns) of each row; a section begins with a line "@name"."""
    section = ""
    with open(os.path.join(FOLDER, name), encoding="latin-1") as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("@"):
                section = line[1:]
            elif line and not line.startswith("#"):
                yield section, [column.strip(" ") for column in line.split("|")]


def path_faults():
    """Name of each fault of a path -> (status, substatus)."""
    with open(os.path.join(FOLDER, "../../src/site/path_faults.def")) as f:
        return {name: (int(status), int(sub)) for name, status, sub in re.findall(r'X\(\w+, "([^"]+)", (\d+), (\d+)', f.read())}
