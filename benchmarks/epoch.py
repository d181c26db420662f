"""An epoch of Adam beside the same epoch in plain torch with nested autograd.

Run as `python benchmarks/epoch.py [REPETITIONS]`: 2D Poisson, 900 + 120 rows, width 100, all weights trained, float64.
The two take turns; the ratio is the median of the repetitions' ratios. First their weights are compared after 5 epochs.
"""

import math
import statistics
import sys
import time

import numpy as np
import torch

from pinnlearn import Adam
from pinnlearn.activations import get_activation
from pinnlearn.arrays import CPU
from pinnlearn.least_squares import Unknowns
from pinnlearn.networks import BLOCKS, TwoLayerNetwork, gaussian_weights
from pinnlearn.posing.pose import pose
from pinnlearn.posing.rows import Rows
from pinnlearn.problems import PROBLEMS

WIDTH, EPOCHS = 100, 100


def ours(X, pde, weights):
    """A function that makes so many epochs."""
    network = TwoLayerNetwork.of(weights, get_activation("tanh"), CPU, torch.float64)
    problem = pose(pde, Rows.of(pde, X), Unknowns(network, BLOCKS["all"]))
    optimizer = Adam()
    state = optimizer.begin(problem, problem.start)

    def run(n: int) -> torch.Tensor:
        nonlocal state
        for _ in range(n):
            state = optimizer.step(problem, state)
        return state.parameters

    return run


def plain_torch(X, pde, weights):
    """The same by nested autograd: the Laplacian from two backward passes, the gradient from a third."""
    W, b, a = (torch.tensor(block, requires_grad=True) for block in weights)
    on_boundary = torch.tensor(pde.domain.on_boundary(X))
    x_interior, x_boundary = torch.tensor(X)[~on_boundary].requires_grad_(), torch.tensor(X)[on_boundary]
    source = pde.source(x_interior).detach()
    adam = torch.optim.Adam([W, b, a])

    def u(x):
        return (torch.tanh(x @ W.T + b) @ a)[:, 0] / math.sqrt(WIDTH)

    def closure():
        adam.zero_grad()
        (gradient,) = torch.autograd.grad(u(x_interior).sum(), x_interior, create_graph=True)
        laplacian = sum(
            torch.autograd.grad(gradient[:, k].sum(), x_interior, create_graph=True)[0][:, k] for k in range(2)
        )
        loss = (laplacian + source).square().mean() / 2 + u(x_boundary).square().mean() / 2
        loss.backward()
        return loss

    def run(n: int) -> torch.Tensor:
        for _ in range(n):
            adam.step(closure).item()  # as ours, which reads the loss of every epoch
        return torch.cat([W.T.reshape(-1), b, a[:, 0]]).detach()

    return run


def seconds(run) -> float:
    """Of an epoch."""
    start = time.perf_counter()
    run(EPOCHS)
    return (time.perf_counter() - start) / EPOCHS


def main(repetitions: int) -> None:
    """Print a line for one thread and one for all."""
    pde, X = PROBLEMS["poisson_2d"].sample(0)
    weights = gaussian_weights(WIDTH, 2, 1, np.random.default_rng(0))
    print("| threads | ours, ms | nested autograd, ms | ratio |")
    print("|---|---|---|---|")
    for n_threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(n_threads)
        epochs = ours(X, pde, weights), plain_torch(X, pde, weights)
        first, second = (run(5) for run in epochs)
        assert torch.linalg.vector_norm(first - second) < 1e-9 * torch.linalg.vector_norm(first)
        times = [tuple(map(seconds, epochs)) for _ in range(repetitions)]
        figures = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
        ratio = statistics.median(one / other for one, other in times)
        print(f"| {n_threads} | {' | '.join(f'{figure:.2f}' for figure in figures)} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
