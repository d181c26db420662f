"""From a PDE and rows of X to a least-squares problem: which equation holds where, and with what weight."""
