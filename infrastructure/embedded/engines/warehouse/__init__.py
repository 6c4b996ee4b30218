"""Redshift's data: DuckDB in a process of its own, asked in Redshift's dialect."""
