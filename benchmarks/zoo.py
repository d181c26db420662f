"""The zoo: other people's problems, solved by the defaults, and whether the fit says so where the answer is wrong.

Run as `python benchmarks/zoo.py [NAMES, KINDS OR FAMILIES...] [--seeds 0 1 2] [--timeout 120] [--jobs 1] [--out FILE]
[--compare FILE] [--list]`. Every problem is posed as its user would write it and fitted with nothing chosen, each in a
process of its own, of one thread (or OMP_NUM_THREADS); seconds, and the timeout, are those of a processor. Errors are
relative L2 errors at points that were not trained on, the largest over the outputs; where several answers are right,
that of the nearest. Verdicts:

* right: the error is below 1e-3 (or what is fair for the problem), and nothing is warned of;
* rough: up to ten times as much, and nothing is warned of;
* SILENT: more, and nothing is warned of; or nothing is said about a problem that has no one right answer;
* warned: not right, and said so, or refused;
* false alarm: right, but with a ConvergenceWarning;
* said: ill-posed or incomplete, or of several answers, and said so, or refused;
* crash, timeout.
"""

import argparse
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from zoo_problems import EXHIBITS, KINDS
from zoo_problems.posed import FAIR, ILL_POSED, INCOMPLETE, SEVERAL, Exhibit

from pinnlearn import PINNRegressor, relative_l2_error

VERDICTS = ("right", "rough", "warned", "SILENT", "false alarm", "said", "crash", "timeout")
LONGEST = 160
N_THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
# Outputs of less than this part of the largest are zero.
ZERO = 1e-12


def verdict(kind: str, error: float, alarmed: bool, said: bool, *, refused: bool = False, fair: float = FAIR) -> str:
    """What a fit comes to.

    Parameters
    ----------
    kind : str
    error : float
        NaN where there is no right answer.
    alarmed, said : bool
        Whether there was a ConvergenceWarning; whether there was that, or any other warning to the user.
    refused : bool
        Whether fit raised a ValueError.
    fair : float
        An error that counts as right.
    """
    if kind in (ILL_POSED, INCOMPLETE) or (kind == SEVERAL and (said or refused or math.isnan(error))):
        return "said" if said or refused else "SILENT"
    if refused:
        return "warned"
    if alarmed:
        return "false alarm" if error < fair else "warned"
    if not error < 10 * fair:
        return "SILENT"
    return "right" if error < fair else "rough"


def largest_error(values: np.ndarray, predicted: np.ndarray) -> float:
    """The largest relative error of an output; one that is zero everywhere is measured by the largest output."""
    size = np.linalg.norm(values, axis=0).max()
    predicted = predicted.reshape(values.shape)
    errors = [
        relative_l2_error(true, found) if np.linalg.norm(true) > ZERO * size else np.linalg.norm(found) / size
        for true, found in zip(values.T, predicted.T, strict=True)
    ]
    return float(max(errors))


def said_by(caught: list[warnings.WarningMessage]) -> tuple[bool, list[str]]:
    """Whether something did not converge, and all that the user was told."""
    told = [w for w in caught if issubclass(w.category, UserWarning)]
    alarmed = any(issubclass(w.category, ConvergenceWarning) for w in told)
    return alarmed, [" ".join(str(w.message).split()) for w in told]


def fitted(exhibit: Exhibit, seed: int, timeout: float = math.inf) -> dict:
    """One fit: error, estimate, warnings, score, seconds and verdict; the reference is not on its time."""
    posed = exhibit.posed()
    arguments, (X, answers) = exhibit.rows(posed, seed), posed.compared()
    if timeout < math.inf:
        limited(timeout)
    refusal, start, worked = "", time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = PINNRegressor(pde=posed.pde, random_state=seed).fit(**arguments)
        except ValueError as error:
            refusal = f"refused: {error}"
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    alarmed, told = said_by(caught)
    error = estimate = score = math.nan
    if not refusal:
        error = min((largest_error(values, model.predict(X)) for values in answers), default=math.nan)
        estimate, score = float(getattr(model, "error_estimate_", math.nan)), float(model.score(**arguments))
    return {
        "error": error,
        "estimate": estimate,
        "warned": told,
        "score": score,
        "seconds": seconds,
        "processor": worked,
        "stop": refusal or model.stop_reason_,
        "verdict": verdict(exhibit.kind, error, alarmed, bool(told), refused=bool(refusal), fair=exhibit.fair),
    }


def failed(what: str, why: str, seconds: float) -> dict:
    """The record of a fit that came to no end."""
    nothing = {"error": math.nan, "estimate": math.nan, "warned": [], "score": math.nan}
    return nothing | {"seconds": seconds, "processor": seconds, "stop": why, "verdict": what}


def in_a_process(name: str, seed: int, timeout: float) -> dict:
    """One fit in a process of its own, which is killed when its time is over."""
    command = [sys.executable, __file__, "--one", name, "--seeds", str(seed), "--timeout", str(timeout)]
    environment = os.environ | {"OMP_NUM_THREADS": str(N_THREADS)}
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == 0:
        record = json.loads(done.stdout.splitlines()[-1])
    elif done.returncode == -signal.SIGXCPU:
        record = failed("timeout", f"killed after {timeout:.0f} s", timeout)
    else:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        record = failed("crash", last, time.perf_counter() - start)
    exhibit = EXHIBITS[name]
    return {"name": name, "kind": exhibit.kind, "family": exhibit.family, "seed": seed} | record


def limited(seconds: float) -> None:
    """Let this process end after so much time of all its processors, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime + seconds * N_THREADS)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def shortened(text: str, length: int = LONGEST) -> str:
    """One cell of a table."""
    text = " ".join(text.split()).replace("|", "/")
    return text if len(text) <= length else text[: length - 3] + "..."


def line(record: dict) -> str:
    """A row of the table."""
    warned = " / ".join(shortened(message) for message in record["warned"])
    cells = [record["name"], record["seed"], record["kind"], f"{record['error']:.1e}", f"{record['estimate']:.1e}"]
    cells += [f"{1 - record['score']:.1e}", f"{record['processor']:.1f}", record["verdict"]]
    return f"| {' | '.join(map(str, [*cells, shortened(record['stop'], 60), warned]))} |"


HEADER = (
    "| problem | seed | kind | error | estimate | 1 - score | seconds | verdict | stopped by | warned |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def counts(records: list[dict]) -> str:
    """How many fits of each kind came to each verdict."""
    kinds = [kind for kind in KINDS if any(record["kind"] == kind for record in records)]
    rows = [f"| {' | '.join(['kind', 'fits', *VERDICTS])} |", "|" + "---|" * (2 + len(VERDICTS))]
    for kind in [*kinds, "all"]:
        found = Counter(record["verdict"] for record in records if kind in (record["kind"], "all"))
        rows.append(f"| {' | '.join([kind, str(found.total()), *(str(found[name]) for name in VERDICTS)])} |")
    return "\n".join(rows)


def estimates(records: list[dict]) -> str:
    """How many estimates are within a factor of ten of the error, and how many far below one that matters."""
    known = [r for r in records if all(math.isfinite(r[key]) and r[key] > 0 for key in ("error", "estimate"))]
    near = sum(r["error"] / 10 <= r["estimate"] <= 10 * r["error"] for r in known)
    low = [r["name"] for r in known if r["error"] > 10 * FAIR and r["estimate"] < r["error"] / 10]
    far = f"below a tenth of an error above 1e-2: {low or 'none'}"
    return f"estimates within a factor 10: {near} of {len(known)}; {far}"


def changes(before: list[dict], after: list[dict]) -> str:
    """The fits whose verdict is another than it was."""
    was = {(record["name"], record["seed"]): record for record in before}
    rows = []
    for record in after:
        old = was.get((record["name"], record["seed"]))
        if old is not None and old["verdict"] != record["verdict"]:
            verdicts = f"{old['verdict']} -> {record['verdict']}"
            rows.append(
                f"{record['name']}, seed {record['seed']}: {verdicts} ({old['error']:.1e} -> {record['error']:.1e})"
            )
    return "\n".join(rows) or "no verdict changed"


def chosen(words: list[str]) -> list[str]:
    """The names that start with a word, or whose kind or family it is; all where there is no word."""
    unknown = [w for w in words if not any(_is_meant(w, e) for e in EXHIBITS.values())]
    if unknown:
        raise SystemExit(f"no problem, kind or family is called {unknown}; --list shows all of them.")
    return [name for name, each in EXHIBITS.items() if not words or any(_is_meant(w, each) for w in words)]


def _is_meant(word: str, exhibit: Exhibit) -> bool:
    if word in EXHIBITS:
        return exhibit.name == word
    return word in (exhibit.kind, exhibit.family) or exhibit.name.startswith(word)


def commit() -> str:
    """The commit of the code that is measured."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent, check=False
    )
    return found.stdout.strip()


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="names, kinds or families; all where there are none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds of a fit, of a processor")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--out", type=Path, help="a file for all records, JSON")
    parser.add_argument("--compare", type=Path, help="such a file, of which verdicts that changed are printed")
    parser.add_argument("--list", action="store_true", help="print names, kinds and families, and fit nothing")
    parser.add_argument("--one", metavar="NAME", help="fit one problem in this process, and print its record")
    return parser.parse_args()


def main(options: argparse.Namespace) -> None:
    """Print the table, line by line as fits end in turn, and the counts."""
    pairs = [(name, seed) for name in chosen(options.words) for seed in options.seeds]
    print(HEADER, flush=True)
    records = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for record in pool.map(lambda pair: in_a_process(*pair, options.timeout), pairs):
            records.append(record)
            print(line(record), flush=True)
            if options.out:
                options.out.write_text(json.dumps({"commit": commit(), "fits": records}, indent=1))
    print(f"\n{counts(records)}\n\n{estimates(records)}")
    if options.compare:
        print(f"\n{changes(json.loads(options.compare.read_text())['fits'], records)}")


if __name__ == "__main__":
    options = parsed()
    if options.list:
        print("\n".join(f"{e.name} ({e.family}, {e.kind})" for e in EXHIBITS.values()))
    elif options.one:
        torch.set_num_threads(N_THREADS)
        print(json.dumps(fitted(EXHIBITS[options.one], options.seeds[0], options.timeout)))
    else:
        main(options)
