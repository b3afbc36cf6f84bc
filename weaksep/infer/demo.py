"""The page of ``weaksep demo``: a few files from memory or the package, to this machine alone.

The browser does the work: the page runs the exported separator with onnxruntime-web. That is not part of weaksep (its
WebAssembly has more bytes than all of weaksep); npm puts it beside the page.
"""

import errno
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.failure import fixable_reason
from weaksep.infer.export import exported, facts_of
from weaksep.infer.model import load_separator

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
# What browsers call this machine. A page elsewhere whose name leads here (DNS rebinding) has that name instead.
HOST_NAMES = (HOST, "localhost")
PAGE = Path(__file__).resolve().parents[1] / "demo"
RUNTIME = PAGE / "node_modules/onnxruntime-web/dist"
RUNTIME_NAMES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".onnx": "application/octet-stream",
    ".wasm": "application/wasm",
}
HEADERS = {
    # The page may load what is here, and can send nothing anywhere.
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "style-src 'self'; img-src data:; media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'",
    # With these two, threads may share memory.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Served:
    """What is served under a name: its type, and its content or the file that has it."""

    kind: str
    content: bytes | Path

    def read(self) -> bytes:
        """The content."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


def served_files(model: Path) -> dict[str, Served]:
    """Everything that the page loads, by its path.

    Args:
        model: see ``load_separator``.

    Raises:
        UserError: onnxruntime-web is not there, or the model cannot be loaded or exported.
    """
    separator = load_separator(model)
    runtime = [RUNTIME / name for name in RUNTIME_NAMES]
    if missing := [path.name for path in runtime if not path.is_file()]:
        raise UserError(
            f"onnxruntime-web is missing ({missing[0]}), with which the page runs the model; "
            f"get it once: npm ci --ignore-scripts --prefix {PAGE}"
        )
    name = model.stem if model.suffix == ".zip" else model.resolve().name
    facts = {"name": name, "part": "chunk", **facts_of(separator)}
    made = {
        "/model.onnx": exported(separator, "onnx", "chunk", facts),
        "/model.json": json.dumps(facts, ensure_ascii=False).encode(),
    }
    paths = {f"/{path.name}": path for path in PAGE.iterdir() if path.suffix in (".html", ".css", ".mjs")}
    paths |= {f"/ort/{path.name}": path for path in runtime}
    found: Mapping[str, bytes | Path] = {**made, **paths, "/": PAGE / "index.html"}
    return {name: Served(TYPES[Path(name).suffix or ".html"], content) for name, content in found.items()}


class Handler(BaseHTTPRequestHandler):
    """Answers with what is served, and with nothing else."""

    protocol_version = "HTTP/1.1"

    def __init__(self, files: Mapping[str, Served], *of: object) -> None:
        self.files = files
        super().__init__(*of)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """A file, or 404; 403 for who calls this machine by another name."""
        found = self.files.get(self.path.partition("?")[0])
        if self.headers.get("Host", HOST).partition(":")[0].lower() not in HOST_NAMES:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = found.read()
        self.send_response(HTTPStatus.OK)
        for name, value in {**HEADERS, "Content-Type": found.kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what the browser loads is of no interest."""


class Server(ThreadingHTTPServer):
    """One whose readers may leave when they like."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A line for what a user can fix; nothing where a page was closed or loaded again while it loaded."""
        error = sys.exc_info()[1]
        if error is None or isinstance(error, ConnectionError):
            return
        reason = fixable_reason(error, "the page")
        logger.error("%s", reason or "the page", exc_info=None if reason else error)


def make_server(files: Mapping[str, Served], port: int) -> ThreadingHTTPServer:
    """A server on this machine alone; ``serve_forever`` runs it.

    Args:
        files: see ``served_files``.
        port: 0 for any that is free.

    Raises:
        UserError: the port is taken, or may not be used.
    """
    try:
        return Server((HOST, port), partial(Handler, files))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is in use" if error.errno == errno.EADDRINUSE else "may not be used by you"
        raise UserError(
            f"port {port} {why}; give another: --port {port + 1 if 1024 <= port < 65535 else 8000}"
        ) from None
