"""Search over the learning rate eta and the width m with GridSearchCV, on two processes."""

from sklearn.model_selection import GridSearchCV

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.metrics import exact_solution


def main() -> float:
    pde = problems.poisson_2d()
    X = pde.sample(n_interior=300, n_boundary=90, random_state=0)
    # Without y every row is governed by the PDE and its conditions; score is 1 minus the relative residual.
    search = GridSearchCV(
        PINNRegressor(pde=pde, max_iter=100, random_state=0),
        {"learning_rate": [0.05, 0.1, 0.5, 1.0], "width": [20, 40, 80]},
        cv=3,
        n_jobs=2,
    ).fit(X)

    X_new = pde.sample(n_interior=10_000, n_boundary=0, method="uniform", random_state=1)
    error = relative_l2_error(exact_solution(pde, X_new), search.predict(X_new))
    print(f"best: {search.best_params_}, relative L2 error {error:.1e}")
    return error


if __name__ == "__main__":
    main()
