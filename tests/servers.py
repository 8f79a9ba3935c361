"""A server on this machine that scenes are read from: a good one, or one such as the internet has.

It is a process of its own: rasterio holds Python's lock where GDAL looks for masks and overviews, so that a
thread would never get to answer.
"""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
TOLD = "/.told"


@dataclass
class Server:
    """A running server.

    Attributes:
        address: What its files' names begin with.
    """

    address: str

    def told(self) -> tuple[list[str], int]:
        """Methods and paths of the requests since this was asked last, and the bytes of files that were sent."""
        with urlopen(self.address + TOLD) as answer:
            asked, sent = json.load(answer)
        return asked, sent


@contextmanager
def serving(
    folder: Path, *, ranges: bool = True, every: int = 0, status: int = 503, cut: int = 0, after: int = 0,
    query: str = "", basic: str = "", late: float = 0,
) -> Iterator[Server]:  # fmt: skip
    """Serve a folder until the block ends.

    Args:
        folder: What is served.
        ranges: Whether parts of files are given.
        every: Each request of this number is refused; none by default.
        status: What it is refused with.
        cut: Bytes of each file from which on answers break off, though they promised more; never by default.
        after: Requests from which on all are refused; never by default.
        query: What a request must have behind its question mark to be answered.
        basic: ``Authorization: Basic`` that it must have.
        late: Seconds before each answer.
    """
    how = json.dumps([str(folder), ranges, every, status, cut, after, query, basic, late])
    # -c, since the name of a running module can't be pickled: all it needs is here.
    process = subprocess.Popen([sys.executable, __file__, how], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Server(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _serve(
    folder: str, ranges: bool, every: int, status: int, cut: int, after: int, query: str, basic: str, late: float,
) -> None:  # fmt: skip
    asked: list[str] = []
    sent, count = 0, 0
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            nonlocal sent, asked, count
            if self.path == TOLD:
                with lock:
                    told, asked, sent = json.dumps([asked, sent]).encode(), [], 0
                self.reply(200, told)
                return
            time.sleep(late)
            with lock:
                asked.append(f"{self.command} {self.path}")
                count += 1
                refused = (every and count % every == 0) or (after and count > after)
            url = urlsplit(self.path)
            file = Path(folder) / unquote(url.path).lstrip("/")
            if refused or url.query != query or (basic and self.headers.get("Authorization") != f"Basic {basic}"):
                self.reply(status if refused else 401 if basic else 403)
            elif not file.is_file():
                self.reply(404)
            else:
                self.file(file)

        def file(self, file: Path) -> None:
            nonlocal sent
            size = file.stat().st_size
            span = RANGE.fullmatch(self.headers.get("Range", "")) if ranges else None
            first, last = (int(span[1]), min(int(span[2] or size), size - 1)) if span else (0, size - 1)
            if first >= size:
                self.reply(416)
                return
            with file.open("rb") as stream:
                stream.seek(first)
                part = stream.read(last - first + 1)
            headers = {"Last-Modified": self.date_time_string(int(file.stat().st_mtime))}
            if ranges:
                headers["Accept-Ranges"] = "bytes"
            if span:
                headers["Content-Range"] = f"bytes {first}-{last}/{size}"
            given = part[: max(0, cut - first)] if cut else part
            with lock:
                sent += len(given) if self.command == "GET" else 0
            self.reply(206 if span else 200, given, len(part), headers)

        def reply(self, code: int, body: bytes = b"", length: int | None = None, headers: dict[str, str] = {}) -> None:  # noqa: B006
            length = len(body) if length is None else length
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True
            self.close_connection |= len(body) != length

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(*json.loads(sys.argv[1]))
