"""A schema registry on loopback for recordings and benchmarks."""

import http.server
import json
import re
import threading
import urllib.parse


class Registry:
    """A schema registry as far as Confluent's client asks: ids count from 1 in the order of registration."""

    def __init__(self):
        self.schemas, self.subjects = [], {}
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                match = re.match(r"/schemas/ids/(\d+)", self.path)
                if match and 0 < int(match[1]) <= len(registry.schemas):
                    return self.answer(200, {"schema": registry.schemas[int(match[1]) - 1]})
                self.answer(404, {"error_code": 40403, "message": "Schema not found"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                match = re.match(r"/subjects/([^/?]+)(/versions)?", self.path)
                subject = urllib.parse.unquote(match[1])
                self.answer(200, {"id": registry.register(subject, body["schema"])})

            def answer(self, status, value):
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def register(self, subject, schema):
        normal = [json.loads(known) for known in self.schemas]
        if json.loads(schema) not in normal:
            self.schemas.append(schema)
            normal.append(json.loads(schema))
        number = normal.index(json.loads(schema)) + 1
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number
