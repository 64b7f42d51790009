"""What an estimator is given: tables of numbers and the names of their columns, checked.

The errors are worded as scikit-learn's own, whose tools look for the words.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from nanochart.errors import NanochartError

#: Names of columns that an error lists.
_NAMES_TOLD = 5


class InputError(NanochartError, ValueError):
    """Bad input to an estimator: scikit-learn's tools expect a ``ValueError``."""


class NotFitted(NanochartError, ValueError, AttributeError):
    """``predict`` before ``fit``, where scikit-learn, which has its own error, is not installed."""


def table_of(X: Any) -> NDArray[np.float64]:
    """Return rows of finite numbers as float64, shape (n_samples, n_features), or raise."""
    if issparse(X):
        raise InputError("the estimator takes no sparse matrix: give X.toarray()")
    table = np.asarray(X)
    if np.iscomplexobj(table):
        raise InputError("Complex data not supported")
    if table.ndim != 2:
        raise InputError(
            f"expected a table of 2 dimensions, got shape {table.shape}. Reshape your data: "
            "X.reshape(-1, 1) for a single feature, X.reshape(1, -1) for a single sample"
        )
    for axis, what in enumerate(("sample", "feature")):
        if table.shape[axis] == 0:
            raise InputError(
                f"found 0 {what}(s) (shape={table.shape}) while a minimum of 1 is required."
            )
    table = np.ascontiguousarray(table, dtype=np.float64)
    if not np.isfinite(table).all():
        raise InputError("X contains NaN or inf: the estimator takes finite numbers only")
    return table


def column_names(X: Any) -> NDArray[np.object_] | None:
    """Return the names of a table's columns, or None unless all are strings."""
    names = getattr(X, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return np.asarray(names, dtype=object)


def check_column_names(X: Any, fitted: NDArray[np.object_] | None) -> None:
    """Raise if the columns have other names, or another order, than those fitted."""
    names = column_names(X)
    if fitted is None or names is None or np.array_equal(fitted, names):
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen, gone = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
    for told, columns in (
        ("Feature names unseen at fit time", unseen),
        ("Feature names seen at fit time, yet now missing", gone),
    ):
        if columns:
            rows = [*columns[:_NAMES_TOLD], *(["..."] if len(columns) > _NAMES_TOLD else [])]
            message += f"{told}:\n" + "".join(f"- {row}\n" for row in rows)
    if not unseen and not gone:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise InputError(message)


def not_fitted(message: str) -> Exception:
    """Return scikit-learn's error where it is installed, which its tools look for, or ours."""
    if find_spec("sklearn") is None:
        return NotFitted(message)
    from sklearn.exceptions import NotFittedError

    return NotFittedError(message)  # type: ignore[no-any-return]
