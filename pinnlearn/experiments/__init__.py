"""The paper's experiments, rerun: presets, runs, report."""

from __future__ import annotations

from pinnlearn.experiments.presets import TABLES, make_runs
from pinnlearn.experiments.report import draw, to_markdown
from pinnlearn.experiments.runs import Record, run_all

__all__ = ["TABLES", "Record", "draw", "make_runs", "run_all", "to_markdown"]
