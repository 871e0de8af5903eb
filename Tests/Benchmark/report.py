#!/usr/bin/env python3
"""Makes tables and pictures of results.json, which Tests/Benchmark/run writes.

Prints the tables in Markdown. Puts each of them in its place in the pages too, where a page has the two comments
that mark one. `Tests/Benchmark/report.py` does so again without measuring anything.

A number is the median of all rounds. A ratio is the median of the ratios within each round: what disturbs a round
disturbs both servers of a ratio.
"""

import json
import os
import re
import statistics

import pictures

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RESULTS = HERE + "/results.json"
PAGES = ["Tests/README.md", "deploy/README.md"]

# The measures, by the names that they have in results.json.
CPU = "CPU of a session, µs"
LATENCY = "latency of a message, µs"
ONE = "sessions/s, 1 at a time"
EIGHT = "sessions/s, 8 at a time"
MANY = "sessions/s, 64 at a time"
MESSAGES = "messages/s in a session"
LARGE = "MB/s of a message of 64 MiB"
RECIPIENTS = "CPU of a message to 100 recipients, µs"
COMMANDS = "commands/s"
MEMORY = "memory of 8 sessions, KiB"
PIPED_COMMANDS = "CPU of 20,000 NOOPs by pipe, µs"
PIPED_LARGE = "user time of 64 MiB by pipe, µs"
SPAWNER_CPU = "CPU of a connection, µs"
SPAWNER_TIME = "time of a connection, ms"
SPAWNER_MEMORY = "memory when idle, KiB"

# The servers that targets are about. All others are peers.
FLOOR, POSTERN, UNCONFINED = "the floor", "Postern", "Postern, unconfined"

# What is measured, the server, and the ratio to the floor that is aimed at.
TARGETS = [
    ("CPU of a session, unconfined", CPU, UNCONFINED, "≤", 1.12),
    ("CPU of a session", CPU, POSTERN, "≤", 1.20),
    ("latency of a message", LATENCY, POSTERN, "≤", 1.10),
    ("CPU for 100 recipients, pipelined", RECIPIENTS, POSTERN, "≤", 1.20),
    ("CPU of 20,000 NOOPs by pipe", PIPED_COMMANDS, POSTERN, "≤", 1.30),
    ("user time of 64 MiB by pipe", PIPED_LARGE, POSTERN, "≤", 1.50),
    ("sessions/s, 8 at once, unconfined", EIGHT, UNCONFINED, "≥", 0.93),
    ("sessions/s, 8 at once", EIGHT, POSTERN, "≥", 0.93),
    ("MB/s of a 64 MiB message", LARGE, POSTERN, "≥", 0.95),
]
MEMORY_TARGET = 4096


class Results:
    def __init__(self):
        with open(RESULTS) as file:
            self.all = json.load(file)
        self.numbers, self.syncs = self.all["numbers"], self.all["syncs"]
        self.machine, self.memory = self.all["machine"], self.all["peak memory, KiB"]

    @property
    def peers(self):
        return [name for name in self.syncs if name not in (FLOOR, POSTERN, UNCONFINED)]

    def median(self, measure, server):
        """None where the server could not do it."""
        rounds = self.numbers.get(measure, {}).get(server)
        return statistics.median(rounds) if rounds else None

    def ratio(self, measure, server, base=FLOOR):
        rounds = self.numbers.get(measure, {})
        pairs = zip(rounds.get(server, []), rounds.get(base, []))
        ratios = [value / other for value, other in pairs]
        return statistics.median(ratios) if ratios else None

    def targets(self):
        """A row for each target that was measured: what it is, its sign and number, what was found, whether it is
        met."""
        for what, measure, server, sign, target in TARGETS:
            found = self.ratio(measure, server)
            if found is not None:
                # As it is shown: 1.204 is 1.20.
                found = round(found, 2)
                yield what, sign, target, found, found <= target if sign == "≤" else found >= target


def save(results):
    """Writes results.json: a line for what a server did in all rounds."""
    rows = {measure: ",\n".join(
        "   %s: %s" % (quoted(server), json.dumps([round(value, 3) for value in rounds]))
        for server, rounds in servers.items()) for measure, servers in results["numbers"].items()}
    numbers = ",\n".join("  %s: {\n%s\n  }" % (quoted(measure), lines) for measure, lines in rows.items())
    others = ",\n".join(
        " %s: %s" % (quoted(name), quoted(value)) for name, value in results.items() if name != "numbers")
    with open(RESULTS, "w") as file:
        file.write('{\n%s,\n "numbers": {\n%s\n }\n}\n' % (others, numbers))


def quoted(value):
    return json.dumps(value, ensure_ascii=False)


# The tables.


def number(value, form="{:,.0f}"):
    return "–" if value is None else form.format(value)


def table(head, rows):
    lines = ["| %s |" % " | ".join(head), "|---" * len(head) + "|"]
    return "\n".join(lines + ["| %s |" % " | ".join(row) for row in rows])


def servers_table(results):
    columns = [
        ("CPU of a session, µs", [CPU]), ("latency, µs", [LATENCY]),
        ("sessions/s: 1 / 8 / 64 at a time", [ONE, EIGHT, MANY]), ("messages/s in a session", [MESSAGES]),
        ("MB/s, 64 MiB", [LARGE]), ("CPU, 100 recipients, µs", [RECIPIENTS]), ("commands/s", [COMMANDS]),
        ("memory, 8 sessions, KiB", [MEMORY]),
    ]
    return table(
        ["server", "syncs", "CPU × floor"] + [title for title, _ in columns],
        [[server, str(syncs), number(results.ratio(CPU, server), "{:.2f}")]
         + [" / ".join(number(results.median(measure, server)) for measure in measures) for _, measures in columns]
         for server, syncs in results.syncs.items()])


def targets_table(results):
    rows = [
        [what, "%s %.2f" % (sign, target), "%.2f%s" % (found, "" if is_met else ", **missed**")]
        for what, sign, target, found, is_met in results.targets()]
    is_met = results.memory <= MEMORY_TARGET
    rows.append([
        "peak of resident memory by pipe, KiB (no ratio)", "≤ %d" % MEMORY_TARGET,
        "%d%s" % (results.memory, "" if is_met else ", **missed**")])
    return table(["ratio to the floor", "target", "measured"], rows)


def peers_table(results):
    def cell(measure, peer, postern_wins):
        ratio = results.ratio(measure, POSTERN, peer)
        if ratio is None:
            return "–"
        ratio = round(ratio, 2)
        return "%.2f%s" % (ratio, "" if postern_wins(ratio) else ": %s wins" % peer)

    return table(
        ["Postern beside", "its syncs", "CPU of a session: Postern's / its", "messages/s: Postern's / its"],
        [[peer, str(results.syncs[peer]), cell(CPU, peer, lambda ratio: ratio < 1),
          cell(MESSAGES, peer, lambda ratio: ratio > 1)] for peer in results.peers])


def spawners_table(results):
    spawners = results.numbers.get(SPAWNER_CPU, {})
    return table(
        ["spawner", "CPU of a connection, µs", "× tcpserver", "a connection takes, ms", "memory when idle, KiB"],
        [[name, number(results.median(SPAWNER_CPU, name)),
          number(results.ratio(SPAWNER_CPU, name, next(iter(spawners))), "{:.2f}"),
          number(results.median(SPAWNER_TIME, name), "{:.1f}"), number(results.median(SPAWNER_MEMORY, name))]
         for name in spawners])


# The pictures.


def draw(results):
    def rows(measure, best_first):
        found = [
            (server, results.median(measure, server),
             {0: "no sync", 1: "1 sync"}.get(syncs, "%d syncs" % syncs), server in (POSTERN, UNCONFINED))
            for server, syncs in results.syncs.items() if results.median(measure, server) is not None]
        return sorted(found, key=lambda row: row[1] if best_first == "least" else -row[1])

    pictures.bars(
        HERE + "/cpu.svg", "CPU time of a session with one message", "microseconds: less is better",
        rows(CPU, "least"), FLOOR)
    pictures.bars(
        HERE + "/messages.svg", "Messages a second in one session", "messages of 4 KiB: more is better",
        rows(MESSAGES, "most"), FLOOR)
    targets = list(results.targets())
    pictures.ratios(
        HERE + "/targets.svg", "Postern's ratio to the floor", "the floor is 1; the band is where the target is met",
        [("less is better", [row for row in targets if row[1] == "≤"]),
         ("more is better", [row for row in targets if row[1] == "≥"])])


def main():
    results = Results()
    parts = {
        "machine": results.machine + ".",
        "servers": servers_table(results),
        "targets": targets_table(results),
        "peers": peers_table(results),
        "spawners": spawners_table(results),
    }
    for part in parts.values():
        print(part + "\n")
    for page in PAGES:
        put(os.path.join(ROOT, page), parts)
    draw(results)


def put(page, parts):
    """Replaces what stands in `page` between <!-- benchmark: NAME --> and <!-- end -->."""
    with open(page) as file:
        before = file.read()
    after = re.sub(
        r"(<!-- benchmark: (\w+) -->\n).*?(<!-- end -->)",
        lambda mark: mark[1] + parts[mark[2]] + "\n" + mark[3], before, flags=re.DOTALL)
    if after != before:
        with open(page, "w") as file:
            file.write(after)


if __name__ == "__main__":
    main()
