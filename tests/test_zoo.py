"""The zoo's references satisfy the equations and conditions that fits are compared by; its verdicts."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pinnlearn.jets import Jet
from tests.references import FunctionTerms, derivative

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

import zoo
import zoo_problems.evolution
import zoo_problems.posed
from zoo_problems import EXHIBITS

EXACT = 1e-8
# The conditions of series that are cut off, some of them at a jump; the equation holds for any number of terms.
LOOSE = {
    "twisted bar": 1e-6,
    "periodic saw": 1e-3,
    "cooling by the air at one end": 1e-1,
    "hot lid": 1e-1,
    "copper rod": 1e-1,
    "cold block in hot water": 1e-1,
    "a step that diffuses": 1e-1,
}
N_ROWS = 40
TINY = 1e-300


class Leaves(FunctionTerms):
    """Terms that can be differentiated by, and their largest values inside, to measure a residual against."""

    def __init__(self, x, inside, functions):
        super().__init__(x, *functions)
        self.inside, self.read = inside.clone().requires_grad_(), []

    def term(self, term):
        values = self.functions[term.output](self.inside)
        size = sum(derivative(values, self.inside, *axes).detach().abs().max() for axes in term.symbol.monomials)
        self.read.append((super().term(term).detach().requires_grad_(), size))
        return self.read[-1][0]


def relative_residuals(residual, x, inside, normals, pde, solution):
    """|r| at each row over the largest sum of the |c_t term_t|, by component; (n, q)."""

    def output(k):
        return lambda x: solution(x) if solution(x).ndim == 1 else solution(x)[:, k]

    source = Leaves(x, inside, [output(k) for k in range(pde.n_outputs)])
    r = residual(x, Jet(source, pde.has_time, normals)).reshape(len(x), -1)
    terms, sizes = zip(*source.read, strict=True)
    ratios = []
    for column in r.T:
        gradients = torch.autograd.grad(column.sum(), terms, retain_graph=True, materialize_grads=True)
        scale = sum(gradient.abs() * size for gradient, size in zip(gradients, sizes, strict=True)).max()
        ratios.append(column.detach().abs() / scale.clamp(min=TINY))
    return torch.stack(ratios, dim=1)


def rows_by_region(name, posed):
    """The rows of a fit that are governed by its equations."""
    arguments, domain = EXHIBITS[name].rows(posed, 3), posed.pde.domain
    X = np.asarray(arguments["X"])
    region = np.asarray(arguments["region"]) if "region" in arguments else domain.region(X)
    known = np.isfinite(arguments.get("y", np.full(len(X), np.nan)))
    return {part: torch.tensor(X[(region == part) & ~known]) for part in ("interior", "boundary", "initial")}


def selected_by(condition, pde, x):
    """Those of some rows that a condition holds at, and their normals."""
    on, domain = condition.on(pde.domain), pde.domain
    chosen = on.selects(x)
    if on.where is None:
        for axis in {axis for other in pde.conditions for axis in other.own_axes}:
            chosen = chosen & (domain.ends(x.numpy(), axis) == 0)
    x = x[torch.as_tensor(chosen)][:N_ROWS]
    if domain is None or on.where is None:
        return x, None if domain is None else torch.tensor(domain.normal(x.numpy()))
    return x, torch.tensor(domain.normal_where(x.numpy(), lambda X: np.asarray(on.where(torch.as_tensor(X)))))


def closed_forms():
    for name, each in EXHIBITS.items():
        posed = each.posed()
        yield from ((name, k) for k in range(len(posed.closed())) if posed.pde is not None)


@pytest.mark.parametrize(("name", "k"), list(closed_forms()))
def test_closed_forms_satisfy_their_equations_and_conditions(name, k):
    posed = EXHIBITS[name].posed()
    pde, solution, rows = posed.pde, posed.closed()[k], rows_by_region(name, posed)
    inside = rows["interior"][:N_ROWS]
    assert len(inside)
    assert relative_residuals(pde.residual, inside, inside, None, pde, solution).max() < EXACT
    for condition in pde.conditions:
        x, normals = selected_by(condition, pde, rows[condition.region])
        if len(x):
            residual = condition.on(pde.domain).residual
            off = relative_residuals(residual, x, inside, normals, pde, solution)
            assert (off**2).mean().sqrt() < LOOSE.get(name, EXACT), condition.label


def test_there_are_many_problems_of_every_kind():
    assert {each.kind for each in EXHIBITS.values()} == set(zoo.KINDS)
    assert all(name == each.name for name, each in EXHIBITS.items())
    with pytest.raises(ValueError, match="taken"):
        zoo_problems.posed.exhibit(next(iter(EXHIBITS)))(lambda: None)


VERDICTS = [
    ("well-posed", 1e-9, False, False, {}, "right"),
    ("well-posed", 5e-3, False, False, {}, "rough"),
    ("well-posed", 5e-2, False, False, {}, "SILENT"),
    ("well-posed", math.nan, False, False, {}, "SILENT"),
    ("well-posed", 5e-2, False, True, {}, "SILENT"),
    ("well-posed", 5e-2, True, True, {}, "warned"),
    ("well-posed", 5e-4, True, True, {}, "false alarm"),
    ("well-posed", math.nan, False, False, {"refused": True}, "warned"),
    ("noise", 5e-2, False, False, {"fair": 0.1}, "right"),
    ("several", 1e-9, False, False, {}, "right"),
    ("several", 1e-9, True, True, {}, "said"),
    ("several", math.nan, False, False, {}, "SILENT"),
    ("ill-posed", 1e-9, False, False, {}, "SILENT"),
    ("incomplete", math.nan, False, True, {}, "said"),
    ("incomplete", math.nan, False, False, {"refused": True}, "said"),
]


@pytest.mark.parametrize(("kind", "error", "alarmed", "said", "more", "expected"), VERDICTS)
def test_verdicts(kind, error, alarmed, said, more, expected):
    assert zoo.verdict(kind, error, alarmed, said, **more) == expected


def test_the_error_is_that_of_the_worst_output():
    values = np.array([[1.0, 100.0], [2.0, 100.0]])
    assert zoo.largest_error(values, values + np.array([[0.1, 0.0], [0.0, 0.0]])) == pytest.approx(0.1 / np.sqrt(5))
    zero = np.array([[0.0, 3.0], [0.0, 4.0]])
    assert zoo.largest_error(zero, zero + 0.5) == pytest.approx(np.sqrt(0.5) / 5)


def test_a_fit_becomes_a_record_that_can_be_printed_and_compared():
    record = {"name": "conductivity that grows with u", "kind": "well-posed", "seed": 0}
    record |= zoo.fitted(EXHIBITS[record["name"]], 0)
    assert record["verdict"] == "right"
    assert record["name"] in zoo.line(record)
    assert "| well-posed | 1 | 1 | 0 |" in zoo.counts([record])
    assert zoo.changes([record], [record]) == "no verdict changed"
    assert "SILENT -> right" in zoo.changes([record | {"verdict": "SILENT"}], [record])


def test_integrated_references_are_right_where_there_is_a_closed_form():
    closed = EXHIBITS["logistic to 1000, 50 rows"].posed()
    times = np.linspace(0.0, 20.0, 11)[1:]
    exact = closed.pde.solution(torch.tensor(times[:, None])).numpy()
    for method in ("DOP853", "Radau"):
        found = zoo_problems.posed.integrated(lambda t, u: (u * (1 - u / 1000),), [1.0], 0.0, times, method)
        np.testing.assert_allclose(found[:, 0], exact, rtol=1e-9)


def test_marched_references_are_right_where_there_is_a_closed_form():
    # A soliton of u_t + 6 u u_x + u_xxx = 0, of speed 4, far from the ends of its period.
    def soliton(x, t):
        return 2 / np.cosh(x - 4 * t) ** 2

    found = zoo_problems.evolution.marched(
        -20.0,
        20.0,
        np.array([0.5, 1.0]),
        lambda x: torch.tensor(soliton(x[:, 0].numpy(), 0.0)),
        lambda ik: -(ik**3),
        lambda u, d: -3 * d(u**2),
        n_modes=512,
        n_steps=500,
    )
    x = np.linspace(-10.0, 10.0, 50)
    np.testing.assert_allclose(found[1](x), soliton(x, 1.0), atol=1e-7)


def test_words_choose_by_name_kind_and_family():
    assert zoo.chosen(["Bratu"]) == [name for name in EXHIBITS if name.startswith("Bratu")]
    assert set(zoo.chosen(["noise", "layers"])) == {e.name for e in EXHIBITS.values() if e.family == "layers"} | {
        e.name for e in EXHIBITS.values() if e.kind == "noise"
    }
    with pytest.raises(SystemExit, match="no problem"):
        zoo.chosen(["unicorns"])
