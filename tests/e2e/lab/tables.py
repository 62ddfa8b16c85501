"""The tables of tests/wire, whose format stands at their tops."""

import os
import re

FOLDER = os.path.join(os.path.dirname(__file__), "../../wire")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([rnt0\\p]))")
_REPEAT = re.compile(rb"\\\*(\d+)\{((?:[^{}\\]|\\[^*])*)\}")
_LETTERS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\", b"p": b"|"}


def unescape(text):
    """str or bytes as the table has them -> the bytes meant. Innermost repetitions first."""
    data = text.encode() if isinstance(text, str) else text
    while _REPEAT.search(data):
        data = _REPEAT.sub(lambda m: m[2] * int(m[1]), data)
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else _LETTERS[m[2]], data)


def _rows(name):
    with open(f"{FOLDER}/{name}", encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                yield [column.strip(" \t\n") for column in line.rstrip("\n").split("|")]


def messages():
    """(name, direction, role, bytes, result) of messages.txt."""
    return [(row[0], row[1], row[2], unescape(row[3]), row[4]) for row in _rows("messages.txt")]


def paths():
    """(text, encoded slashes kept?, bytes, columns) of paths.txt."""
    kept, found = False, []
    for row in _rows("paths.txt"):
        if row[0].startswith("@"):
            kept = row[0] == "@encoded-slashes"
        else:
            found.append((row[0], kept, unescape(row[0]), row[1:]))
    return found
