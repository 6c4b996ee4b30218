"""Open-model load: a schedule the server cannot slow down, offered by Locust in a process of its own.

Nothing imported here imports Locust: its monkey-patching stays out of whoever starts a run.
"""

from plugins.load import refusal
from plugins.load.errors import LoadError
from plugins.load.plan import LoadPlan
from plugins.load.result import LoadResult, Window
from plugins.load.retry import Retry
from plugins.load.runner import LoadRun, start, start_at

refusal.in_plain_words()

__all__ = ["LoadError", "LoadPlan", "LoadResult", "LoadRun", "Retry", "Window", "start", "start_at"]
