"""The service as it is deployed: under the shipped settings, with a key, a collector of spans, and a proxy."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from commonspace.serve.groups import Server
from tests.e2e.serving import Served

__all__ = ["DEPLOY", "NGINX", "Site", "collector", "proxied"]

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
NGINX: Final = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@dataclass(frozen=True, kw_only=True)
class Site:
    """The service under the shipped settings file, with a key that may do everything, and what its collector heard."""

    served: Served
    headers: dict[str, str]
    spans: list[ExportTraceServiceRequest]

    def ask(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        method = "GET" if body is None else "POST"
        given = {**self.headers, **headers}
        return httpx.request(method, self.served.url + path, json=body, headers=given, timeout=60)


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    heard: list[ExportTraceServiceRequest] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()
        thread.join()


@contextmanager
def proxied(url: str, folder: Path) -> Iterator[httpx.Client]:
    """A real nginx with the shipped file, of which the addresses alone are changed, in front of a service."""
    _make_certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    changes = {
        "/etc/commonspace/tls/": f"{folder}/",
        "/var/log/nginx/commonspace.log": f"{folder}/access.log",
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen [::]:443": f"listen unix:{folder}/socket",
        f"127.0.0.1:{Server().port} ": f"{url.removeprefix('http://')} ",
    }
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    start = f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\nevents {{}}\nhttp {{\n"
    (folder / "nginx.conf").write_text(f"{start}{temporary}{text}}}\n", "utf-8")
    trust = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    command = [str(NGINX), "-p", str(folder), "-c", "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, timeout=60) as client:
                _wait(client, process)
                yield client
        finally:
            process.terminate()


def _wait(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    """Until it answers, or has ended."""
    while process.poll() is None:
        try:
            client.get("/livez")
        except httpx.ConnectError:
            continue
        return
    raise AssertionError(process.stderr.read().decode() if process.stderr else "nginx ended")


def _make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-keyout", "privkey.pem", "-out", "fullchain.pem", "-subj", "/CN=commonspace.example"]
    command += ["-addext", "subjectAltName=DNS:commonspace.example,IP:127.0.0.1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
