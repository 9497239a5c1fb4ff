"""Least squares on factors: sparse normal equations of one-hot columns, nested models, contrasts with their variance.

Full one-hot coding of every term; what is aliased is left to a pivoted Cholesky decomposition, so that unbalanced
cubes and missing cells need no care.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas.errors import CubeError

Floats = NDArray[np.float64]
Term = tuple[int, ...]  # one factor, or the pair of two

LARGEST = 6000  # columns that are solved densely
_ROUNDING = 1e-12  # of a contrast of logarithms or shares
_PIVOT = 1e-10  # of a column's own count: below it the column adds nothing to those before


@dataclass(frozen=True)
class Equations:
    """Normal equations of all terms: sparse design and Gram matrix, right-hand side, where each term's columns lie."""

    design: Any
    gram: Any
    right: Floats
    places: Mapping[Term, range]
    sizes: Sequence[int]


@dataclass(frozen=True)
class Fit:
    """What a model explains of each cell beyond the mean, the sum of its squares, its rank (the mean included)."""

    fitted: Floats
    explained: float
    rank: int

    def beyond(self, smaller: "Fit") -> "Fit":
        """What this model explains that a smaller one, nested in it, does not."""
        explained = max(0.0, self.explained - smaller.explained)
        return Fit(self.fitted - smaller.fitted, explained, self.rank - smaller.rank)


def equations(rows: NDArray[np.intp], sizes: Sequence[int], values: Floats) -> Equations:
    """Normal equations of all factors and pairs; `rows` holds a cell's option in each factor, `sizes` their numbers."""
    from scipy import sparse

    terms = terms_of(range(len(sizes)))
    widths = [int(np.prod([sizes[f] for f in term])) for term in terms]
    starts = np.concatenate([[0], np.cumsum(widths)])
    columns = np.stack(
        [start + _index(rows, sizes, term) for start, term in zip(starts[:-1], terms, strict=True)], axis=1
    )
    count = len(rows)
    shape = (count, int(starts[-1]))
    ends = np.arange(count + 1) * len(terms)
    design = sparse.csr_matrix((np.ones(columns.size), columns.ravel(), ends), shape)
    places = {term: range(int(a), int(b)) for term, (a, b) in zip(terms, pairwise(starts), strict=True)}
    right = design.T @ (values - values.mean())
    return Equations(design, (design.T @ design).tocsr(), right, places, sizes)


def terms_of(factors: Sequence[int]) -> list[Term]:
    """Every factor, then every pair."""
    pairs = [(a, b) for i, a in enumerate(factors) for b in factors[i + 1 :]]
    return [*((f,) for f in factors), *pairs]


def _index(rows: NDArray[np.intp], sizes: Sequence[int], term: Term) -> NDArray[np.intp]:
    found: NDArray[np.intp] = np.ravel_multi_index([rows[:, f] for f in term], [sizes[f] for f in term])
    return found


def _widest(terms: Sequence[Term]) -> list[Term]:
    """The terms that no other contains, those with most columns last."""
    return [term for term in terms if not any(set(term) < set(other) for other in terms)]


# --- nested models ----------------------------------------------------------------------------------------------


def fit(system: Equations, terms: Sequence[Term]) -> Fit:
    """Fit the model of these terms and all that they contain; raises CubeError where it has too many columns.

    The columns of one term are orthogonal: the largest is eliminated first, the rest is the Schur complement.
    """
    kept = sorted(_widest(terms), key=lambda term: len(system.places[term]))
    if not kept:
        return Fit(np.zeros(system.design.shape[0]), 0.0, 1)
    absorbed, rest = system.places[kept[-1]], [c for term in kept[:-1] for c in system.places[term]]
    _check(len(rest))
    counts = system.gram.diagonal()[absorbed]
    inverse = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
    right = inverse * system.right[absorbed]
    coefficients = np.zeros(system.design.shape[1])
    coefficients[absorbed] = right
    explained = float(right @ system.right[absorbed])
    rank = int((counts > 0).sum())
    if rest:
        left = system.gram[rest]
        across = left[:, list(absorbed)]
        schur = left[:, rest].toarray() - (across.multiply(inverse) @ across.T).toarray()
        factor, chosen = _cholesky(schur, system.gram.diagonal()[rest])
        solved = _substituted(factor, (system.right[rest] - across @ right)[chosen])
        own = np.array(rest)[chosen]
        coefficients[own] = _substituted(factor, solved, transposed=True)
        coefficients[absorbed] -= inverse * (across[chosen].T @ coefficients[own])
        explained, rank = explained + float(solved @ solved), rank + len(chosen)
    return Fit(system.design @ coefficients, explained, rank)


def _check(columns: int) -> None:
    if columns > LARGEST:
        raise CubeError(f"the pairs of options make {columns} unknowns, more than {LARGEST}; select fewer options")


def _cholesky(matrix: Floats, counts: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Lower factor of the largest regular part of a semidefinite matrix, and which rows that part has."""
    from scipy.linalg.lapack import dpstrf

    scale = 1 / np.sqrt(np.maximum(counts, 1))
    factor, pivots, rank, _ = dpstrf(matrix * np.outer(scale, scale), tol=_PIVOT, lower=1)
    chosen = pivots[:rank] - 1
    lower: Floats = np.tril(factor[:rank, :rank]) / scale[chosen][:, None]
    return lower, chosen


def _substituted(factor: Floats, right: Floats, transposed: bool = False) -> Floats:
    from scipy.linalg import solve_triangular

    solved: Floats = solve_triangular(factor, right, lower=True, trans=1 if transposed else 0, check_finite=False)
    return solved


# --- contrasts --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solution:
    """The model of all pairs, solved: a regular set of columns, their coefficients, and how errors reach them."""

    chosen: NDArray[np.intp]
    aliased: NDArray[np.intp]
    inverse: Floats
    coefficients: Floats
    aliases: Floats
    covariance: Floats
    places: Mapping[Term, range]


def solve(system: Equations, terms: Sequence[Term], errors: Floats) -> Solution:
    """Solve the model of these terms for its coefficients; `errors` are the cells' standard errors, independent."""
    from scipy.linalg import cho_solve

    columns = np.array([c for term in _widest(terms) for c in system.places[term]])
    _check(len(columns))
    gram = system.gram[columns][:, columns].toarray()
    factor, chosen = _cholesky(gram, gram.diagonal())
    inverse = cho_solve((factor, True), np.eye(len(chosen)))
    rest = np.setdiff1d(np.arange(len(columns)), chosen)
    own = columns[chosen]
    noisy = system.design[:, own].multiply(errors[:, None]).tocsr()
    weighted = (noisy.T @ noisy).toarray()
    return Solution(
        chosen=own,
        aliased=columns[rest],
        inverse=inverse,
        coefficients=inverse @ system.right[own],
        aliases=inverse @ gram[np.ix_(chosen, rest)],
        covariance=inverse @ weighted @ inverse,
        places=system.places,
    )


def contrast(solution: Solution, weights: Mapping[int, float]) -> tuple[float, float]:
    """A sum of coefficients by column and its standard error; NaN where the cells do not determine it."""
    dense = np.zeros(max(part.stop for part in solution.places.values()))
    dense[list(weights)] = list(weights.values())
    own = dense[solution.chosen]
    if np.abs(dense[solution.aliased] - own @ solution.aliases).max(initial=0.0) > 1e-6:
        return float("nan"), float("nan")
    variance = float(own @ solution.covariance @ own)
    value = float(own @ solution.coefficients)
    return value if abs(value) > _ROUNDING else 0.0, math.sqrt(max(0.0, variance))
