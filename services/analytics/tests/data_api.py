"""Redshift's Data API over HTTP for workers in processes of their own: batches are transactions on a DuckDB file."""

import contextlib
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import sqlglot

Fetch = Callable[[str, str], bytes]
"""The object of a bucket and a key."""


class DataApiServer:
    """`with DataApiServer(folder, fetch) as server`: answers at `server.url` until the block ends."""

    def __init__(self, folder: Path, fetch: Fetch) -> None:
        self._database = duckdb.connect(str(folder / "warehouse.db"))
        self._folder = folder
        self._fetch = fetch
        self._ended: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers["content-length"])))
                operation = self.headers["x-amz-target"].rpartition(".")[2]
                body = json.dumps(api.answer(operation, given)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # whoever asked was killed meanwhile
                    self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "DataApiServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._database.close()

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeStatement":
            return self._ended[given["Id"]]
        assert operation == "BatchExecuteStatement", operation
        with self._lock:
            name = f"statement-{len(self._ended)}"
            self._ended[name] = {"Id": name, "Status": "STARTED"}
        self._ended[name] = {"Id": name, **self._performed(given["Sqls"])}
        return {"Id": name}

    def _performed(self, statements: list[str]) -> dict[str, Any]:
        session = self._database.cursor()
        try:
            session.begin()
            counts = [self._run(session, statement) for statement in statements]
            session.commit()
        except duckdb.Error as error:
            return {"Status": "FAILED", "Error": str(error)}
        finally:
            session.close()
        return {"Status": "FINISHED", "SubStatements": [{"ResultRows": count} for count in counts]}

    def _run(self, session: duckdb.DuckDBPyConnection, statement: str) -> int:
        if copied := re.match(r"COPY staged \(([^)]*)\) FROM 's3://([^/]+)/([^']+)'", statement):
            file = self._folder / f"{threading.get_ident()}.csv"
            file.write_bytes(self._fetch(copied[2], copied[3]))
            session.execute(f"COPY staged ({copied[1]}) FROM '{file}' (FORMAT csv)")
            return 0
        ignore = sqlglot.ErrorLevel.IGNORE
        [text] = sqlglot.transpile(statement, read="redshift", write="duckdb", unsupported_level=ignore)
        found = session.execute(text.replace("SYSDATE", "now()::timestamp")).fetchone()
        return int(found[0]) if found and isinstance(found[0], int) else 0

    def orders(self) -> list[str]:
        """The orders of all rows there are."""
        session = self._database.cursor()
        try:
            return [row[0] for row in session.execute("SELECT order_id FROM revenue").fetchall()]
        except duckdb.CatalogException:
            return []
        finally:
            session.close()
