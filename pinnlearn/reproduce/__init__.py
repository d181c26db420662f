"""The paper's experiments, rerun: presets, runs, report."""

from __future__ import annotations

from pinnlearn.reproduce.presets import TABLES, make_runs
from pinnlearn.reproduce.report import draw, to_markdown
from pinnlearn.reproduce.runs import Record, run_all

__all__ = ["TABLES", "Record", "draw", "make_runs", "run_all", "to_markdown"]
