"""Queries of Logs Insights: read (`reader`), and answered over events (`query`)."""
