"""The daemon runs statements without importing what runs them: half a second, and a parser on everybody's loop."""

import subprocess
import sys

_PROGRAM = """
import sys
from infrastructure.embedded.engines.warehouse import engine, orders, parameters, warehouse
print(*sorted({"duckdb", "sqlglot"} & set(sys.modules)))
"""


def test_the_daemons_side_imports_neither_duckdb_nor_the_grammar() -> None:
    ran = subprocess.run([sys.executable, "-P", "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == ""
