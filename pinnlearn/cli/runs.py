"""The runs of an experiment, made one after another under a bar."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm

from pinnlearn.reproduce import Record, run_all


def finish(runs: Sequence, record: Record, n_jobs: int) -> bool:
    """Make the runs that are left; False if they were interrupted."""
    n_finished = sum(map(record.is_finished, runs))
    try:
        with tqdm(total=len(runs), initial=n_finished, desc=record.path.stem, unit=" runs", smoothing=0) as bar:
            for run in run_all(runs, record, n_jobs):
                bar.set_postfix_str(f"{run.problem}, {run.optimizer}", refresh=False)
                bar.update()
    except KeyboardInterrupt:
        print(f"Interrupted; what is finished is in {record.path}, and the same command goes on.", file=sys.stderr)
        return False
    return True
