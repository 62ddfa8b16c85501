"""From what bench-load said to ratios, tables and verdicts."""
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

import workloads

NOT_PEERS = {"fairlead", "fairlead, other", "fairlead to parent", "fairlead, pooled", "floor relay", "floor forward", "direct"}
BEGIN, END = "<!-- tables: written by bench/run --write -->", "<!-- end of tables -->"


def version_of(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
        return (out.stdout + out.stderr).strip().splitlines()[0].split(" - http")[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "not there"


def new_result(arguments):
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    programs = {"haproxy": ["haproxy", "-v"], "nginx": ["nginx", "-v"], "squid": ["squid", "-v"],
                "trafficserver": ["traffic_server", "-V"], "tinyproxy": ["tinyproxy", "-v"],
                "apache": ["apache2", "-v"]}
    return {"when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "machine": f"{os.cpu_count()} x {cpu.group(1) if cpu else platform.machine()}, Linux {platform.release()}",
            "load_before": os.getloadavg()[0], "rounds": arguments.rounds, "seconds": arguments.seconds,
            "versions": {name: version_of(command) for name, command in programs.items()}, "timed": {}, "held": {}}


# ---- numbers ---------------------------------------------------------------------------------------------------------

def cost(workload, answer):
    """CPU in microseconds an exchange, or milliseconds a GB; None if nothing went through."""
    if workload.per == "GB":
        return answer["cpu_ns"] / answer["bytes"] * workloads.GIGABYTE / 1e6 if answer["bytes"] else None
    return answer["cpu_ns"] / answer["done"] / 1e3 if answer["done"] else None


def rate(workload, answer):
    """Exchanges, or GB, a second."""
    return (answer["bytes"] / workloads.GIGABYTE if workload.per == "GB" else answer["done"]) / answer["wall_ns"] * 1e9


def names(measured):
    return list(measured["rounds"][0]) if measured["rounds"] else []


def series(workload, measured, name, number=cost):
    return [number(workload, round_[name]) for round_ in measured["rounds"] if name in round_]


def spread(values):
    """Median and quartiles."""
    values = sorted(v for v in values if v is not None)
    if not values:
        return None
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def ratio(workload, measured, name, than):
    """Median and quartiles of the ratio in the same round."""
    pairs = zip(series(workload, measured, name), series(workload, measured, than))
    return spread([a / b for a, b in pairs if a and b])


def ratio_of_least(workload, measured, name, than):
    """What else runs on the machine only ever adds: the cheapest round of each is the least disturbed."""
    ours, theirs = ([c for c in series(workload, measured, n) if c] for n in (name, than))
    return min(ours) / min(theirs) if ours and theirs else None


def best_peer(workload, measured):
    costs = {n: spread(series(workload, measured, n)) for n in names(measured) if n not in NOT_PEERS}
    costs = {n: c[0] for n, c in costs.items() if c}
    return min(costs, key=costs.get) if costs else None


def errors(measured, name):
    """Wrong and missing answers; marked when the program closes the connection after each answer."""
    answers = [round_[name] for round_ in measured["rounds"] if name in round_]
    closes = sum(a["reconnects"] for a in answers) > sum(a["done"] for a in answers) / 2
    return str(sum(a["errors"] for a in answers)) + (" (closes)" if closes else "")


def latency(measured, name, which):
    """Microseconds; median over the rounds."""
    return statistics.median(round_[name][which] / 1e3 for round_ in measured["rounds"] if name in round_)


# ---- tables ----------------------------------------------------------------------------------------------------------

def plain(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                                     for i, (cell, w) in enumerate(zip(row, widths))) for row in rows)


def markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" + "---:|" * (len(rows[0]) - 1), *lines[1:]])


def with_quartiles(value):
    return f"{value[0]:.2f} [{value[1]:.2f}-{value[2]:.2f}]" if value else "-"


def timed_rows(workload, measured):
    unit = "CPU ms/GB" if workload.per == "GB" else "CPU us each"
    bases = [n for n in ("haproxy", "floor forward", "fairlead") if n != "fairlead" or "fairlead, other" in names(measured)]
    head = ["", unit, *(f"to {n}" for n in bases), "GB/s" if workload.per == "GB" else "per s"]
    if workload.latency:
        head += ["p50 us", "p99 us"]
    if measured.get("syscalls"):
        head += ["system calls"]
    rows = [head + ["errors"]]
    for name in names(measured):
        middle = spread(series(workload, measured, name))
        speed = spread(series(workload, measured, name, rate))
        row = [name, f"{middle[0]:.1f}" if middle and name != "direct" else "-"]
        row += [with_quartiles(ratio(workload, measured, name, than)) if than in names(measured) else "-"
                for than in bases]
        row += [f"{speed[0]:.2f}" if workload.per == "GB" else f"{speed[0]:.0f}"]
        if workload.latency:
            row += [f"{latency(measured, name, 'p50_ns'):.0f}", f"{latency(measured, name, 'p99_ns'):.0f}"]
        if measured.get("syscalls"):
            calls = measured["syscalls"].get(name)
            row += [f"{calls['total']:.2f}" if calls else "-"]
        rows.append(row + [errors(measured, name)])
    return rows


def held_kib(held, answer):
    """KiB a connection, or None when they were not all there."""
    if answer["errors"] or answer["settled"] < held.conns or answer["reconnects"]:
        return None
    return (answer["after"] - answer["before"]) / 1024 / held.conns


def held_rows(held, measured):
    rows = [["", "KiB each", "whole MiB", "note"]]
    for name, answer in measured.items():
        kib = held_kib(held, answer)
        note = "" if kib is not None else f"not held: {answer['settled']} of {held.conns}, {answer['errors']} errors"
        rows.append([name, f"{kib:.2f}" if kib is not None else "-", f"{answer['after'] / 1048576:.1f}", note])
    return rows


def timed_text(workload, measured):
    if not names(measured):
        return f"\n{workload.title}\n  nothing measured"
    text = f"\n{workload.title}\n{plain(timed_rows(workload, measured))}"
    for name, calls in measured.get("syscalls", {}).items():
        text += f"\n    {name}: " + ", ".join(f"{call} {n:.2f}" for call, n in calls.items() if call != "total" and n >= 0.005)
    return text


def held_text(held, measured):
    return f"\n{held.title}\n{plain(held_rows(held, measured))}" if measured else f"\n{held.title}\n  nothing measured"


# ---- targets ---------------------------------------------------------------------------------------------------------

def verdict(value, limit):
    return "-" if limit is None else "reached" if value <= limit else "SHORT"


def target_rows(result):
    rows = [["what", "compared with", "aim, at most", "measured", "cheapest rounds", "verdict"]]
    for workload in workloads.TIMED:
        measured = result["timed"].get(workload.name)
        for target in workload.targets if measured else ():
            than = best_peer(workload, measured) if target.than == "best peer" else target.than
            if than not in names(measured) or target.of not in names(measured):
                continue
            value = ratio(workload, measured, target.of, than)
            if not value:
                continue
            shown = f"best peer ({than})" if target.than == "best peer" else than
            limit = "-" if target.limit is None else f"{target.limit:.2f}"
            least = ratio_of_least(workload, measured, target.of, than)
            rows.append([workload.title, shown, limit, with_quartiles(value), f"{least:.2f}", verdict(value[0], target.limit)])
        if measured and workload.latency and {"fairlead", "nginx", "direct"} <= set(names(measured)):
            for which in ("p50_ns", "p99_ns"):
                ours, theirs = (latency(measured, n, which) - latency(measured, "direct", which) for n in ("fairlead", "nginx"))
                rows.append([f"added latency, one connection, {which[:3]}", "nginx", f"{theirs:.0f} us", f"{ours:.0f} us",
                             "", verdict(ours, theirs)])
    for held in workloads.HELD:
        answer = result["held"].get(held.name, {}).get("fairlead")
        kib = held_kib(held, answer) if answer else None
        if answer:
            rows.append([held.title, "KiB each", f"{held.limit:.2f}", "not held" if kib is None else f"{kib:.2f}",
                         "", "SHORT" if kib is None else verdict(kib, held.limit)])
    return rows


def targets_text(result):
    return "\nWhat is to be reached\n" + plain(target_rows(result))


def write_document(result, file):
    parts = [BEGIN, "", f"Measured {result['when']} on {result['machine']}; {result['rounds']} rounds of {result['seconds']} s "
             f"for each variant. " + "; ".join(v for v in result["versions"].values() if v != "not there") + ".", "",
             "### Against the aims", "", markdown(target_rows(result)), ""]
    for workload in workloads.TIMED:
        measured = result["timed"].get(workload.name)
        if measured and names(measured):
            parts += [f"### {workload.title}", "", markdown(timed_rows(workload, measured)), ""]
    for held in workloads.HELD:
        if result["held"].get(held.name):
            parts += [f"### {held.title}", "", markdown(held_rows(held, result["held"][held.name])), ""]
    between_marks(file, parts)


def write_summary(result, file):
    """The aims alone, where a file has the marks for them."""
    between_marks(file, [BEGIN, "", markdown(target_rows(result)), ""])


def between_marks(file, parts):
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if BEGIN not in text or END not in text:
        return
    before, rest = text.split(BEGIN, 1)
    file.write_text(before + "\n".join([*parts, END]) + rest.split(END, 1)[1], encoding="utf-8")
