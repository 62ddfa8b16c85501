"""GoAccess and AWStats as an administrator runs them over a log of `format = iis`: what they took and what they rejected."""

import collections
import json
import os
import re
import subprocess

AWSTATS = "/usr/lib/cgi-bin/awstats.pl"

Reading = collections.namedtuple("Reading", "taken rejected left_out words")


def goaccess(lab, log):
    """By its own name for this format; rejected lines are handed back whole."""
    folder = lab.folder(f"goaccess{lab.number('goaccess')}")
    report, invalid = f"{folder}/report.json", f"{folder}/invalid"
    done = subprocess.run(["goaccess", log, "--no-global-config", "--log-format=W3C", "-o", report, f"--invalid-requests={invalid}",
                           "--no-progress"], capture_output=True, text=True, errors="replace", timeout=60)
    assert os.path.exists(report), done.stdout + done.stderr
    with open(report, errors="replace") as f:
        general = json.load(f, strict=False)["general"]
    rejected = []
    if os.path.exists(invalid):
        with open(invalid, errors="replace") as f:
            rejected = f.read().splitlines()
    assert len(rejected) == general["failed_requests"]
    return Reading(general["valid_requests"], rejected, [], general)


def awstats(lab, log):
    """LogFormat=2 is its number for the logs of IIS, whose fields it takes from the log's own header."""
    folder = lab.folder(f"awstats{lab.number('awstats')}")
    os.mkdir(f"{folder}/data")
    with open(f"{folder}/awstats.lab.conf", "w") as f:
        f.write(f'LogFile="{log}"\nLogType=W\nLogFormat=2\nLogSeparator=" "\nSiteDomain="intranet.lab.test"\nDNSLookup=0\n'
                f'DirData="{folder}/data"\n')
    done = subprocess.run(["perl", AWSTATS, "-config=lab", f"-configdir={folder}", "-update", "-showcorrupted", "-showdropped"],
                          capture_output=True, text=True, errors="replace", timeout=60)
    words = done.stdout + done.stderr
    number = {what: int(n) for n, what in re.findall(r"Found (\d+) (dropped|corrupted|new qualified) record", words)}
    assert set(number) == {"dropped", "corrupted", "new qualified"}, words
    rejected = re.findall(r"^Corrupted record line \d+ .*?: (.*)$", words, re.MULTILINE)
    left_out = re.findall(r"^Dropped record \(method/protocol '(\S+)' not qualified", words, re.MULTILINE)
    assert (len(rejected), len(left_out)) == (number["corrupted"], number["dropped"]), words
    return Reading(number["new qualified"], rejected, left_out, words)
