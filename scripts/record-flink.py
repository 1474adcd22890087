"""Replays .slt files on Apache Flink and rewrites what they expect.

Started by scripts/record-flink, which sets the environment. The format is that of
tests/slt/README.md. One Flink JVM, one broker and one bridge to it serve all files.
"""

import argparse
import base64
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from schema_registry import Registry

ROOT = Path(__file__).resolve().parent.parent


class SltError(Exception):
    """A file that does not follow the format, or a statement that ends otherwise than it says."""


class Block:
    """The lines between two empty lines of a file."""

    def __init__(self, number, lines):
        self.number = number  # line of the file, from 1
        self.lines = lines
        start = 0
        while start < len(lines) and (
            lines[start].startswith("#") or lines[start].startswith("skipif ")
        ):
            start += 1
        self.start = start
        self.words = lines[start].split() if start < len(lines) else []

    @property
    def body(self):
        return self.lines[self.start + 1 :]

    def replace_body(self, body):
        self.lines = self.lines[: self.start + 1] + body

    @property
    def sql(self):
        body = self.body
        return "\n".join(body[: body.index("----")] if "----" in body else body)

    def options(self):
        flags = self.words[2:]
        return dict(f.partition("=")[::2] for f in flags)


def parse(text):
    blocks, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line:
            lines.append(line)
        elif lines:
            blocks.append(Block(number - len(lines), lines))
            lines = []
    if lines:
        blocks.append(Block(number - len(lines) + 1, lines))
    return blocks


ESCAPES = {"\\": b"\\", "t": b"\t", "n": b"\n", "r": b"\r"}


def unescape(text):
    if text == "\\N":
        return None
    if text == "\\e":
        return b""
    out = b""
    for piece in re.findall(r"\\x[0-9a-fA-F]{2}|\\.|[^\\]+", text):
        if piece.startswith("\\x"):
            out += bytes.fromhex(piece[2:])
        elif piece.startswith("\\"):
            out += ESCAPES[piece[1]]
        else:
            out += piece.encode()
    return out


def escape(data):
    if data is None:
        return "\\N"
    if not data:
        return "\\e"
    try:
        text, printable = data.decode(), True
    except UnicodeDecodeError:
        text, printable = data.decode("latin-1"), False
    out = ""
    for c in text:
        if c == "\\":
            out += "\\\\"
        elif c in "\t\n\r":
            out += {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[c]
        elif ord(c) < 32 or ord(c) == 127 or (not printable and ord(c) > 126):
            out += f"\\x{ord(c):02x}"
        else:
            out += c
    return out


def plain(data):
    """A record as one line; what needs `escapes` is refused rather than recorded wrongly."""
    if not data or b"\n" in data or b"\r" in data or b"\t" in data:
        raise SltError(f"a record needs the option 'escapes': {data!r}")
    return data.decode()


def b64(data):
    if data is None:
        return "-"
    return base64.b64encode(data).decode() or "="


def unb64(text):
    return None if text == "-" else b"" if text == "=" else base64.b64decode(text)


class Kafka:
    """A broker of its own and a bridge to Kafka's Java client."""

    def __init__(self):
        self.jars = os.environ["KAFKA_JARS"] + "/*"
        self.folder = Path(tempfile.mkdtemp(prefix="brooklet-record-"))
        ports = []
        for _ in range(2):
            s = socket.socket()
            s.bind(("127.0.0.1", 0))
            ports.append(s)
        client, controller = (s.getsockname()[1] for s in ports)
        for s in ports:
            s.close()
        self.bootstrap = f"127.0.0.1:{client}"
        config = self.folder / "server.properties"
        config.write_text(
            f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://{self.bootstrap}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={self.folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""
        )
        java = ["java", "-Xmx512m", "-cp", self.jars]
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", "YnJvb2tsZXQtdGVzdHMtMQ", "-c", config],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        log = open(self.folder / "log", "w")
        self.broker = subprocess.Popen([*java, "kafka.Kafka", config], stdout=log, stderr=log)
        self.wait_ready(client)
        self.bridge = subprocess.Popen(
            [*java, ROOT / "protocol-tests/java/KafkaBridge.java", self.bootstrap],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def wait_ready(self, port):
        request = struct.pack(">ihhihi", 14, 3, 1, 7, -1, 0)  # Metadata v1 without topics
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if self.broker.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as s:
                    s.sendall(request)
                    if struct.unpack(">iii", s.recv(12, socket.MSG_WAITALL))[2] > 0:
                        return
            except OSError:
                pass
            time.sleep(0.1)
        self.broker.kill()
        raise SltError("the broker did not start:\n" + (self.folder / "log").read_text()[-2000:])

    def send(self, *words):
        self.bridge.stdin.write(" ".join(map(str, words)) + "\n")

    def ask(self, *words):
        self.send(*words)
        self.bridge.stdin.flush()
        lines = []
        while True:
            line = self.bridge.stdout.readline().rstrip("\n")
            if line == "ok":
                return lines
            if line.startswith("error") or not line:
                raise SltError(f"{words}: {line}")
            lines.append(line.split(" "))

    def close(self):
        self.bridge.stdin.close()
        self.bridge.wait()
        self.broker.kill()
        self.broker.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def protobuf_classes(folder):
    """A jar of the classes of the messages in tests/slt/protobuf."""
    runtime, compiler = os.environ["PROTOBUF_JAR"], Path(os.environ["PROTOC"])
    compiler.chmod(0o755)
    sources, classes, jar = folder / "sources", folder / "classes", folder / "messages.jar"
    sources.mkdir()
    # The compiler's own .proto files are in the jar of the run time.
    shutil.unpack_archive(runtime, folder / "include", "zip")
    protos = ROOT / "tests/slt/protobuf"
    names = [path.name for path in protos.glob("*.proto")]
    command = [compiler, f"-I{folder}/include", f"-I{protos}", f"--java_out={sources}", *names]
    subprocess.run(command, check=True)
    subprocess.run(["javac", "-cp", runtime, "-d", classes, *sources.rglob("*.java")], check=True)
    subprocess.run(["jar", "cf", jar, "-C", classes, "."], check=True)
    return str(jar)


class Flink:
    """Sessions of one PyFlink JVM."""

    def __init__(self):
        from pyflink.java_gateway import get_gateway

        self.jvm = get_gateway().jvm
        names = ("FLINK_KAFKA", "FLINK_AVRO", "FLINK_PROTOBUF", "FLINK_GUAVA", "PROTOBUF")
        self.jars = [os.environ[name + "_JAR"] for name in names]
        self.jars.append(protobuf_classes(Path(tempfile.mkdtemp(prefix="brooklet-protobuf-"))))
        self.scratch = Path(tempfile.mkdtemp(prefix="brooklet-print-"))

    def session(self, batch):
        from pyflink.table import EnvironmentSettings, TableEnvironment

        mode = EnvironmentSettings.in_batch_mode if batch else EnvironmentSettings.in_streaming_mode
        env = TableEnvironment.create(mode())
        config = env.get_config()
        config.set("pipeline.jars", ";".join("file://" + jar for jar in self.jars))
        config.set("parallelism.default", "1")
        # Kafka's client logs from threads that outlive their job; the log would fill with that.
        config.set("classloader.check-leaked-classloader", "false")
        return env

    def run(self, env, sql):
        option = re.fullmatch(r"(?is)\s*SET\s+'([^']*)'\s*=\s*'((?:[^']|'')*)'\s*", sql)
        if option:
            env.get_config().set(option[1], option[2].replace("''", "'"))
            return
        env.execute_sql(sql).wait()

    def printed(self, env, sql, batch):
        out = self.scratch / "out"
        system, before = self.jvm.java.lang.System, self.jvm.java.lang.System.out
        stream = self.jvm.java.io.PrintStream(str(out), "UTF-8")
        system.setOut(stream)
        try:
            result = env.execute_sql(sql)
            if re.match(r"\s*(INSERT|EXECUTE)\b", sql, re.I):
                result.wait()  # what it prints comes from `print` tables
            else:
                result.print()
        finally:
            system.setOut(before)
            stream.close()
        lines = out.read_text().rstrip("\n").split("\n")
        count = re.fullmatch(r"(\d+) (rows?) in set", lines[-1])
        if count and not batch and lines[1].startswith("| op |"):
            # The program prints this line in both modes, the SQL client only for batch queries.
            lines[-1] = f"Received a total of {count[1]} {count[2]}"
        return lines


def reason(error):
    """The innermost messages of a Java exception, without class names that only Flink has."""
    text = str(error)
    causes = re.findall(r"(?m)^(?:Caused by: )?((?:[\w$]+\.)+[\w$]*(?:Exception|Error))(?:: (.*))?$", text)
    if not causes:
        causes = re.findall(r"(?m)^: ((?:[\w$]+\.)+[\w$]*(?:Exception|Error))(?:: (.*))?$", text)
    kept = []
    for name, message in reversed(causes):
        line = f"{name.rsplit('.', 1)[1]}: {message}".rstrip(": ")
        if line not in kept and len(kept) < 2:
            kept.append(line)
    return [re.sub(r"\s+", " ", k) for k in reversed(kept)] or [text.split("\n")[0]]


class Replay:
    def __init__(self, path, kafka, flink):
        self.path, self.kafka, self.flink = path, kafka, flink
        self.prefix = re.sub(r"\W", "-", path.stem) + f"-{time.time_ns() // 1000000}-"
        self.blocks = parse(path.read_text())
        statements = [b.sql for b in self.blocks if b.words[:1] == ["statement"]]
        first = statements[0] if statements else ""
        self.batch = bool(re.search(r"execution\.runtime-mode'\s*=\s*'batch", first, re.I))
        self.env = flink.session(self.batch)
        self.secrets = {}
        self.registry = Registry()

    def topic(self, name):
        return self.prefix + name

    def substitute(self, sql):
        sql = re.sub(r"\$\{topic:([\w.-]+)\}", lambda m: self.topic(m[1]), sql)
        sql = sql.replace("${registry}", self.registry.url)
        sql = re.sub(r"\$\{protobuf:[^}]*\}", "", sql)
        return sql.replace("${bootstrap}", self.kafka.bootstrap)

    def restore(self, line):
        """The opposite of substitute, so that recorded messages do not change with every run."""
        line = line.replace(self.kafka.bootstrap, "${bootstrap}")
        line = line.replace(self.registry.url, "${registry}")
        return re.sub(re.escape(self.prefix) + r"([\w.-]*\w)", r"${topic:\1}", line)

    def run(self):
        problems = 0
        for block in self.blocks:
            try:
                self.step(block)
            except SltError as e:
                problems += 1
                print(f"{self.path}:{block.number}: {e}", file=sys.stderr)
        return problems

    def step(self, block):
        if not block.words:
            return
        kind = block.words[0]
        if kind == "kafka-create":
            partitions = block.options().get("partitions", 1)
            # Records of 1970 must not be deleted while a file runs.
            self.kafka.ask("create", self.topic(block.words[1]), partitions, "retention.ms=-1")
        elif kind == "kafka-produce":
            self.produce(block)
        elif kind == "kafka-expect":
            block.replace_body(self.consume(block))
        elif kind == "registry-register":
            for schema in block.body:
                self.registry.register(self.subject(block), schema)
        elif kind == "registry-expect":
            versions = self.registry.subjects.get(self.subject(block), [])
            block.replace_body([self.registry.schemas[number - 1] for number in versions])
        elif block.words[:2] == ["statement", "ok"]:
            try:
                self.flink.run(self.env, self.substitute(block.sql))
            except Exception as e:
                raise SltError("\n  ".join(reason(e))) from e
        elif block.words[:2] == ["statement", "error"]:
            try:
                self.flink.run(self.env, self.substitute(block.sql))
            except Exception as e:
                lines = [self.restore(line) for line in reason(e)]
                block.replace_body([*block.sql.split("\n"), "----", *lines])
                return
            raise SltError("this succeeded")
        elif kind == "query":
            try:
                lines = self.flink.printed(self.env, self.substitute(block.sql), self.batch)
            except Exception as e:
                raise SltError("\n  ".join(reason(e))) from e
            if "rowsort" in block.words:
                rows = [i for i, l in enumerate(lines) if l.startswith("|")][1:] or range(len(lines))
                for i, line in zip(rows, sorted((lines[i] for i in rows), key=str.encode)):
                    lines[i] = line
            block.replace_body([*block.sql.split("\n"), "----", *lines])
        else:
            raise SltError(f"unknown directive {' '.join(block.words)}")

    def subject(self, block):
        return self.substitute(block.words[1])

    def produce(self, block):
        options = block.options()
        fields = options.get("fields", "value").split(",")
        take = unescape if "escapes" in options else str.encode
        for line in block.body:
            parts = line.split("\t") if len(fields) > 1 else [line]
            if len(parts) != len(fields):
                raise SltError(f"{len(fields)} fields wanted: {line}")
            row = dict(zip(fields, parts))
            headers = [h.split("=", 1) for h in row.get("headers", "").split(";") if h]
            self.kafka.send(
                "produce",
                self.topic(block.words[1]),
                row.get("partition", options.get("partition", 0)),
                row.get("timestamp", options.get("timestamp", "-")),
                b64(take(row["key"]) if "key" in row else None),
                b64(take(row["value"]) if "value" in row else None),
                *(f"{name}={b64(take(value))}" for name, value in headers),
            )
        self.kafka.ask("flush")

    def consume(self, block):
        options = block.options()
        fields = options.get("fields", "value").split(",")
        show = escape if "escapes" in options else plain
        lines = []
        for partition, _offset, timestamp, key, value, *headers in self.kafka.ask(
            "read", self.topic(block.words[1])
        ):
            if partition != options.get("partition", partition):
                continue
            row = {"partition": partition, "timestamp": timestamp}
            if "key" in fields:
                row["key"] = show(unb64(key))
            if "value" in fields:
                row["value"] = show(unb64(value))
            pairs = (h.split("=", 1) for h in headers)
            row["headers"] = ";".join(f"{n}={show(unb64(v))}" for n, v in pairs)
            lines.append("\t".join(row[f] for f in fields))
        return sorted(lines, key=str.encode) if "rowsort" in options else lines

    def text(self):
        return "\n\n".join("\n".join(b.lines) for b in self.blocks) + "\n"


def main():
    arguments = argparse.ArgumentParser(prog="record-flink")
    arguments.add_argument("--check", action="store_true", help="fail on drift, write nothing")
    arguments.add_argument("files", nargs="*", type=Path, help="default: tests/slt/flink_*.slt")
    arguments = arguments.parse_args()
    files = arguments.files or sorted((ROOT / "tests/slt").glob("flink_*.slt"))
    kafka, problems = Kafka(), 0
    try:
        flink = Flink()
        for path in files:
            began = time.monotonic()
            replay = Replay(path, kafka, flink)
            failed = replay.run()
            problems += failed
            drift = replay.text() != path.read_text()
            if drift and arguments.check:
                problems += 1
                print(f"{path}: differs from what Flink does", file=sys.stderr)
            elif drift:
                path.write_text(replay.text())
            took = time.monotonic() - began
            print(f"{path.name}: {len(replay.blocks)} blocks, {failed} problems, {took:.0f} s", flush=True)
        shutil.rmtree(flink.scratch, ignore_errors=True)
    finally:
        kafka.close()
    sys.exit(1 if problems else 0)


main()
