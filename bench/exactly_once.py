"""What exactly-once costs, and how long readers wait for it after a SIGKILL: part of bench/run."""

import os
import signal
import socket
import statistics
import struct
import subprocess
import time

RATE = 20_000  # records per second that the killed jobs read
SILENT = 90  # seconds that a job may take to commit before the run fails

DELIVERY = {
    "at least once": "'sink.delivery-guarantee' = 'at-least-once'",
    # Flink asks for an hour by default, which brokers refuse by default.
    "exactly once": "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{prefix}', "
                    "'properties.transaction.timeout.ms' = '600000'",
}
VARIANTS = [("at least once", "1 s"), ("exactly once", "1 s"), ("exactly once", "100 ms")]


def cost(suite, statements, engines, sources, expected):
    """The same unbounded job under each guarantee, in turn, until about `expected` rows are committed:
    {(engine, guarantee, interval): [(wall seconds, CPU seconds, share of the rows)]}."""
    print("exactly once: cost", flush=True)
    runs = {}
    for turn in range(suite.arguments.runs):
        for engine in engines:
            for guarantee, interval in VARIANTS:
                sink = f"cost-{engine}-{turn}-{guarantee}-{interval}".replace(" ", "-")
                job = Job(suite, engine, statements, sources[engine], sink, guarantee, interval)
                began = job.start()
                ended = job.until(lambda ends: sum(ends.values()) >= expected[engine], "the committed output")
                cpu = job.kill()
                # The markers that end transactions have offsets as well: a few rows are not there yet.
                count = int(suite.broker.digest(sink, "read_committed")[0].split()[0])
                if not expected[engine] * 0.9 < count <= expected[engine]:
                    raise RuntimeError(f"{engine}, {guarantee}: {count} committed rows of {expected[engine]}")
                suite.broker.ask("delete", sink)
                print(f"  {engine:9} {guarantee}, {interval}: wall {ended - began:6.2f} s  cpu {cpu:6.2f} s", flush=True)
                runs.setdefault((engine, guarantee, interval), []).append((ended - began, cpu, count / expected[engine]))
    return runs


def list_offsets(address, topic, partitions, isolation):
    """ListOffsets v2: the end of each partition for readers of everything (0) or of committed records (1)."""
    host, port = address.rsplit(":", 1)
    name = topic.encode()
    body = struct.pack(">ib i h", -1, isolation, 1, len(name)) + name + struct.pack(">i", partitions)
    body += b"".join(struct.pack(">iq", partition, -1) for partition in range(partitions))
    request = struct.pack(">hhih", 2, 2, 1, -1) + body
    with socket.create_connection((host, int(port)), 5) as s:
        s.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", s.recv(4, socket.MSG_WAITALL))[0]
        answer = s.recv(size, socket.MSG_WAITALL)
    at = 4 + 4 + 4 + 2 + len(name) + 4
    ends = {}
    for _ in range(partitions):
        partition, error, _, offset = struct.unpack_from(">ihqq", answer, at)
        # Somewhere else, or nowhere yet: UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER.
        if error not in (0, 3, 5, 6):
            raise RuntimeError(f"ListOffsets of {topic}: error {error}")
        ends[partition] = 0 if error else offset
        at += 22
    return ends


class Job:
    """An unbounded job, which can be killed and started again."""

    def __init__(self, suite, engine, statements, source, sink, guarantee, interval):
        self.suite, self.engine, self.statements = suite, engine, statements
        self.source, self.sink, self.interval = source, sink, interval
        self.delivery = DELIVERY[guarantee].format(prefix=sink)
        self.folder = suite.folder / f"{sink}-checkpoints"
        self.folder.mkdir()
        self.log = suite.folder / f"{sink}.log"
        self.process = None
        suite.broker.create(sink)

    def end(self, isolation):
        return list_offsets(self.suite.broker.bootstrap, self.sink, self.suite.partitions, isolation)

    def start(self):
        prefix = [f"SET 'execution.checkpointing.interval' = '{self.interval}'"]
        if self.engine == "flink":
            kept = sorted(self.folder.glob("*/chk-*/_metadata"), key=lambda path: path.stat().st_mtime)
            prefix += [
                f"SET 'execution.checkpointing.dir' = 'file://{self.folder}'",
                "SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION'",
            ]
            if kept:
                prefix.append(f"SET 'execution.state-recovery.path' = 'file://{kept[-1].parent}'")
        else:
            prefix.append(f"SET 'pipeline.name' = '{self.sink}'")
        command, env = self.suite.command(self.engine, prefix + self.statements, self.source, sink=self.sink,
                                          sink_format=f"'format' = 'json', {self.delivery}", fresh=False)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        return time.monotonic()

    def until(self, condition, what):
        deadline = time.monotonic() + SILENT
        while not condition(self.end(1)):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{self.engine}: {what} did not happen:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.005)
        return time.monotonic()

    def kill(self):
        """SIGKILL; the CPU seconds of the job."""
        os.killpg(self.process.pid, signal.SIGKILL)
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = -signal.SIGKILL
        return usage.ru_utime + usage.ru_stime

    def round(self):
        """Kills the job within a transaction and starts it again: (seconds until readers of committed data are past all
        that the killed job had left, seconds until new output is committed)"""
        before = self.end(1)
        self.until(lambda ends: any(ends[p] > before[p] for p in ends), "the first commit")
        self.until(lambda ends: any(self.end(0)[p] > ends[p] for p in ends), "an open transaction")
        self.kill()
        left = self.end(0)
        began = self.start()
        freed = self.until(lambda ends: all(ends[p] >= left[p] for p in ends), "the end of the left transaction")
        # One offset is the marker that ended it.
        output = self.until(lambda ends: any(ends[p] > left[p] + 1 for p in ends), "committed output")
        return freed - began, output - began


def recovery(suite, statements, engines, data):
    """Kills each engine's job: {engine: [(unblocked, first output)]}."""
    print("exactly once: SIGKILL", flush=True)
    suite.broker.create("live")
    feed = [
        "java", "-Xmx256m", "-cp", suite.broker.jars, "org.apache.kafka.tools.ProducerPerformance", "--topic", "live",
        "--num-records", "1000000000", "--throughput", str(RATE), "--payload-file", str(data), "--producer-props",
        f"bootstrap.servers={suite.broker.bootstrap}", "acks=all", "linger.ms=5"]
    feeder = subprocess.Popen(feed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    results = {}
    try:
        for engine in engines:
            job = Job(suite, engine, statements, "live", f"killed-{engine}", "exactly once", "1 s")
            job.start()
            try:
                for _ in range(suite.arguments.kills):
                    freed, output = job.round()
                    print(f"  {engine:9} readers unblocked {freed:6.3f} s  committed output {output:6.3f} s", flush=True)
                    results.setdefault(engine, []).append((freed, output))
            finally:
                job.kill()
    finally:
        feeder.kill()
        feeder.wait()
    return results


def cost_table(runs, names, records, start_up):
    """`start_up`: seconds until each engine's job of one row has written it, which are not counted."""
    lines = ["| | guarantee, epoch or checkpoint every | wall s, net | records/s | against at least once | "
             "CPU s per million, gross |", "|---|---|---:|---:|---:|---:|"]

    def rate(engine, *variant):
        """Records read per second."""
        return statistics.median(
            records[engine] * share / (wall - start_up[engine]) for wall, _, share in runs[engine, *variant])

    for (engine, *variant), of_variant in runs.items():
        cpu = statistics.median(cpu / share for _, cpu, share in of_variant) / records[engine] * 1e6
        wall = statistics.median(wall - start_up[engine] for wall, _, _ in of_variant)
        lines.append(f"| {names[engine]} | {', '.join(variant)} | {wall:.2f} | {rate(engine, *variant):,.0f} | "
                     f"{rate(engine, *variant) / rate(engine, *VARIANTS[0]):.0%} | {cpu:.2f} |")
    return "\n".join(lines)


def recovery_table(results, names):
    lines = ["| | kills | readers unblocked after s: median (worst) | new output committed after s: median (worst) |",
             "|---|---:|---:|---:|"]
    for engine, rounds in results.items():
        cells = " | ".join(f"{statistics.median(column):.2f} ({max(column):.2f})" for column in zip(*rounds))
        lines.append(f"| {names[engine]} | {len(rounds)} | {cells} |")
    return "\n".join(lines)
