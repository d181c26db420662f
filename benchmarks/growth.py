"""Time and memory against rows, width and dimensions, with fitted exponents.

Run as `python benchmarks/growth.py`. Poisson's equation on a cube, a tenth of the rows on the boundary. "solve" is a
fit of the output weights (`trainable="output"`: choice of scale and damping, and the solve), "step" a step of plain NGD
on all weights (damping 1e-6). Each in a process of its own; memory is the largest resident size above that before the
fit, beside the bytes that `verbose=1` announces. Exponents are least-squares slopes over the upper half of a sweep.
"""

import json
import resource
import statistics
import subprocess
import sys

import numpy as np

SWEEPS = {
    "rows": [(n, 400, 2) for n in (250, 500, 1000, 2000, 4000, 8000, 16000)],
    "width": [(1000, m, 2) for m in (50, 100, 200, 500, 1000, 2000, 4000)],
    "dimensions": [(1000, 200, d) for d in (1, 2, 5, 10, 20, 50, 100)],
}
KINDS = ("solve", "step")
STEPS = 5
MB = 1e6


def resident() -> int:
    """The largest resident size so far, in bytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else 1024 * size


def measure(kind: str, n: int, m: int, d: int) -> dict[str, float]:
    """Seconds, bytes and announced bytes of a fit, in this process."""
    from pinnlearn import NGD, PINNRegressor
    from pinnlearn.domains import Box
    from pinnlearn.pdes import Poisson

    pde = Poisson(Box([0.0] * d, [1.0] * d), source=1.0, boundary=0.0)
    times: list[float] = []
    settings = {
        "solve": {"trainable": "output"},
        "step": {
            "optimizer": NGD(damping=1e-6, learning_rate=0.1, max_iter=STEPS),
            "init": "gaussian",
            "callbacks": [lambda progress: times.append(progress.seconds)],
        },
    }[kind]
    # A fit of a few points loads what a first fit loads.
    PINNRegressor(pde=pde, width=10, random_state=0, **settings).fit(pde.sample(30, 20, random_state=0))
    times.clear()
    before = resident()
    X = pde.sample(n - n // 10, n // 10, random_state=0)
    model = PINNRegressor(pde=pde, width=m, random_state=0, **settings).fit(X)
    seconds = model.seconds_ if kind == "solve" else statistics.median(np.diff(times))
    return {"seconds": seconds, "bytes": resident() - before, "announced": model.n_bytes_}


def measured_apart(*arguments) -> dict[str, float]:
    """The same, in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def exponent(sizes: list[int], values: list[float]) -> float:
    """The slope of log(value) against log(size) over the upper half."""
    upper = slice(len(sizes) // 2, None)
    return float(np.polyfit(np.log(sizes[upper]), np.log(np.maximum(values[upper], 1e-9)), 1)[0])


def main() -> None:
    """Print a table for each sweep."""
    for axis, (name, sizes) in enumerate(SWEEPS.items()):
        varied = [size[axis] for size in sizes]
        fixed = ", ".join(f"{sizes[0][i]} {other}" for i, other in enumerate(SWEEPS) if i != axis)
        print(f"| {name} ({fixed}) | " + " | ".join(f"{k}, s | {k}, MB | announced, MB" for k in KINDS) + " |")
        print("|" + "---|" * 7)
        columns: dict[str, list[float]] = {f"{kind} {of}": [] for kind in KINDS for of in ("seconds", "bytes")}
        for size in sizes:
            cells = []
            for kind in KINDS:
                found = measured_apart(kind, *size)
                columns[f"{kind} seconds"].append(found["seconds"])
                columns[f"{kind} bytes"].append(found["bytes"])
                cells += [f"{found['seconds']:.3g}", f"{found['bytes'] / MB:.0f}", f"{found['announced'] / MB:.0f}"]
            print(f"| {size[axis]} | {' | '.join(cells)} |", flush=True)
        slopes = [f"{exponent(varied, column):.1f}" for column in columns.values()]
        print(f"| exponent | {slopes[0]} | {slopes[1]} | | {slopes[2]} | {slopes[3]} | |\n", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:]))))
    else:
        main()
