import numpy as np
import psutil
import pytest
import torch

from pinnlearn import GD, NGD, PINNRegressor, problems
from pinnlearn.arrays import available_bytes
from pinnlearn.reports import fit_bytes, in_bytes


@pytest.fixture(scope="module")
def heat():
    pde = problems.heat_1d()
    X = pde.sample(60, 30, random_state=0)
    y = np.full(len(X), np.nan)
    y[:4] = 0.5
    return X, PINNRegressor(pde=pde, width=20, learning_rate=0.5, max_iter=5, random_state=0).fit(X, y)


def test_a_report_counts_each_row_once_in_its_group(heat):
    X, model = heat
    report = model.describe()
    counts = {group: of["rows"] for group, of in report.groups.items()}
    assert sum(counts.values()) == len(X)
    assert list(counts) == list(model.loss_weights_)
    assert {group: of["weight"] for group, of in report.groups.items()} == model.loss_weights_


def test_losses_by_group_add_up_to_the_loss(heat):
    _, model = heat
    report = model.describe()
    assert sum(of["loss"] for of in report.groups.values()) == pytest.approx(model.loss_)
    assert report.loss == model.loss_ == pytest.approx(min(model.loss_curve_), rel=1e-12)


def test_relative_residuals_by_group_are_those_of_the_score():
    pde = problems.poisson_2d()
    X = pde.sample(60, 30, random_state=0)
    model = PINNRegressor(pde=pde, width=20, learning_rate=0.5, max_iter=5, random_state=0).fit(X)
    groups = [of["relative_residual"] for of in model.describe().groups.values()]
    assert 1 - np.sqrt(np.mean(np.square(groups))) == pytest.approx(model.score(X))


def test_the_losses_of_groups_by_hand():
    pde = problems.poisson_2d()
    X = pde.sample(60, 30, random_state=0)
    model = PINNRegressor(pde=pde, width=20, learning_rate=0.5, max_iter=5, random_state=0).fit(X)
    boundary = pde.domain.on_boundary(X)
    groups = model.describe().groups
    by_hand = {
        "interior": model.loss_weights_["interior"] * np.mean(model.residual(X[~boundary]) ** 2) / 2,
        "boundary": model.loss_weights_["boundary"] * np.mean(model.predict(X[boundary]) ** 2) / 2,
    }
    assert {group: of["loss"] for group, of in groups.items()} == pytest.approx(by_hand)


def test_it_prints_as_a_table(heat):
    _, model = heat
    text = str(model.describe())
    assert text == repr(model.describe())
    lines = text.split("\n")
    assert lines[0].startswith("Heat(domain=SpaceTime(")
    assert lines[1].split() == ["group", "rows", "weight", "loss", "relative", "residual", "elsewhere"]
    assert [line.split()[0] for line in lines[2:8] if line[0] != " "] == list(model.groups_)
    assert [line.split("  ")[1] for line in lines[2:8] if line[0] == " "] == [
        "the known values",
        "Dirichlet(value=0.0)",
    ]
    lines = [line for line in lines if not line.startswith("  ")]
    assert lines[6].startswith("20 tanh units, 80 parameters, about ")
    assert lines[8] == "stopped by max_iter: all max_iter steps were made; raise max_iter if the loss was still falling"
    assert max(map(len, lines[1:])) < 100


def test_plain_regression_has_a_report_too(heat):
    X, _ = heat
    assert str(PINNRegressor(width=5, random_state=0).fit(X, X[:, 0]).describe()).startswith("plain regression\n")


def test_the_cost_is_announced_before_the_first_step(capsys):
    pde = problems.poisson_1d()
    model = PINNRegressor(pde=pde, width=20, verbose=2, random_state=0).fit(pde.sample(40, 2, random_state=0))
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"[PINNRegressor] 42 residuals, 20 units: about {in_bytes(model.n_bytes_)}"
    assert "step 1" in second


def test_estimated_bytes_grow_with_what_is_solved_for():
    # 1000 x 500 numbers of activation in five orders; Jacobian 1000 x 200 and QR of 1200 x 200, twice copied.
    assert fit_bytes(1000, 500, 0, 8) == 8 * 5 * 1000 * 500
    assert fit_bytes(1000, 500, 200, 8, ["jacobian"]) == 8 * (5 * 1000 * 500 + 1000 * 200 + 3 * 1200 * 200)
    pde = problems.poisson_2d()
    X = pde.sample(60, 30, random_state=0)
    solved, descended = (
        PINNRegressor(pde=pde, width=20, optimizer=optimizer, max_iter=1, learning_rate=1e-3, random_state=0)
        .fit(X)
        .n_bytes_
        for optimizer in ("ngd", GD())
    )
    assert solved > descended > 0


def test_plain_ngd_with_many_weights_needs_less_than_their_jacobian():
    # 9 arrays as large as the activation, and four of n x n, where J J^T is formed without J.
    assert fit_bytes(1000, 500, 7000, 8, ["gram"]) == 8 * (9 * 1000 * 500 + 4 * 1000**2)
    pde = problems.poisson_10d()
    X = pde.sample(60, 30, random_state=0)

    def estimate(damping):
        model = PINNRegressor(
            pde=pde, width=400, optimizer=NGD(damping=damping), max_iter=1, learning_rate=0.1, random_state=0
        )
        return model.fit(X).n_bytes_

    assert estimate(1e-2) == fit_bytes(90, 400, 4800, 8, ["gram"])
    assert estimate(0.0) > estimate(1e-2)  # an undamped step needs J


def test_a_fit_that_would_not_fit_is_refused_before_its_first_step(monkeypatch, heat):
    X, model = heat
    before = model.__dict__.copy()
    monkeypatch.setattr("pinnlearn.fitting.available_bytes", lambda device: 10_000)
    message = rf"about {in_bytes(model.n_bytes_)}, for {len(X)} residuals and 20 units, but only 10 kB are free\. Lower"
    with pytest.raises(MemoryError, match=message):
        model.fit(X)
    assert model.__dict__ == before


def test_what_is_free_is_of_the_machine():
    assert 0 < available_bytes(torch.device("cpu")) < psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345, "12 kB"), (3.2e12, "3.2 TB")]
)
def test_bytes_in_the_unit_that_reads_best(n, text):
    assert in_bytes(n) == text
