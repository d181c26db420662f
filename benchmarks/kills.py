"""A fit that is killed at random moments and goes on from its checkpoint, beside the same fit left alone.

Run as `python benchmarks/kills.py [KILLS [N_INTERIOR [STEPS]]]`. The fit is the default method on a shock of Burgers'
equation; it writes a checkpoint at every step, and is killed (SIGKILL) so many times. Each time the step of its
checkpoint is noted, and the step at which the next process goes on; at the end the weights are compared, bit by bit.
"""

import random
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from pinnlearn import PINNRegressor, load, problems, save
from pinnlearn.callbacks import Checkpoint
from pinnlearn.persistence import read_checkpoint


def fit(n_interior: int, steps: int, callbacks: list) -> PINNRegressor:
    """The fit, with these callbacks."""
    pde = problems.burgers_shock()
    X = pde.sample(n_interior, n_interior // 2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a short fit does not solve it
        return PINNRegressor(pde=pde, max_iter=steps, tol=0, random_state=0, callbacks=callbacks).fit(X)


def watched(folder: str, n_interior: str, steps: str) -> None:
    """What is killed: it tells each step, and saves the model at the end."""
    checkpoint = Checkpoint(f"{folder}/fit.checkpoint", steps=1)
    model = fit(int(n_interior), int(steps), [checkpoint, lambda progress: print(progress.n_iter, flush=True)])
    save(model, f"{folder}/model.safetensors")


def kept(folder: str) -> int:
    """The number of steps that the checkpoint has."""
    path = Path(folder) / "fit.checkpoint"
    runs = read_checkpoint(path)["runs"] if path.exists() else []
    return sum(len(run["loss_curve"]) - 1 for run in runs)


def killed_after(seconds: float, folder: str, *arguments: str) -> list[int]:
    """The steps that a process told before it was killed, so many seconds after the first one."""
    command = [sys.executable, __file__, "--watched", folder, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        lines = (first + process.stdout.read()).split("\n")[:-1]  # the last one may be cut
    return [int(line) for line in lines if line]


def main(kills: int = 20, n_interior: int = 200, steps: int = 300, seed: int = 0) -> tuple[bool, int]:
    """Whether the weights are the same, and the number of kills."""
    alone = fit(n_interior, steps, [])
    print(f"left alone: {alone.n_iter_} steps in {alone.seconds_:.1f} s, stages {alone.stages_}")
    rng, done = random.Random(seed), 0
    arguments = str(n_interior), str(steps)
    with tempfile.TemporaryDirectory() as folder:
        while not (model_path := Path(folder) / "model.safetensors").exists():
            before = kept(folder)
            seconds = rng.uniform(0, 1.6 * alone.seconds_ / kills) if done < kills else 1e9
            if done < kills:
                told = killed_after(seconds, folder, *arguments)
                done += not model_path.exists()
                print(f"killed at step {told[-1]}; begun at {told[0]}, checkpoint then {before}, now {kept(folder)}")
                # The step of the checkpoint is told once more.
                assert told[0] in (before, before + 1)
                assert kept(folder) >= told[-1] - 1 >= before - 1
            else:
                subprocess.run([sys.executable, __file__, "--watched", folder, *arguments], stdout=-3, check=True)
        model = load(model_path, pde=problems.burgers_shock())
    pairs = zip(model.coefs_ + model.intercepts_, alone.coefs_ + alone.intercepts_, strict=True)
    same = all(np.array_equal(mine, theirs) for mine, theirs in pairs)
    same = same and model.loss_curve_ == alone.loss_curve_ and model.stages_ == alone.stages_
    print(f"killed {done} times; the same weights, losses and stages to the last bit: {same}")
    return same, done


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watched"]:
        watched(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
