"""Mean shift with the habits of scikit-learn's estimators, and without needing scikit-learn.

`nanochart.chart.mean_shift` behind ``fit`` and ``predict``, so that it can stand where
``sklearn.cluster.MeanShift`` stood, in a pipeline too.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.chart.ascent import ascend
from nanochart.chart.inputs import (
    InputError,
    check_column_names,
    column_names,
    not_fitted,
    table_of,
)
from nanochart.chart.mean_shift import Kernel, Labels, Modes, bin_seeds, checked, mean_shift
from nanochart.errors import NanochartError
from nanochart.parallel import available_cores

Points = NDArray[np.float64]

#: scikit-learn's share of the points for the estimate of a bandwidth.
QUANTILE = 0.3
#: For points that all coincide with others: all below it is one place, and its square is above 0.
_SMALLEST_BANDWIDTH = float(np.sqrt(np.finfo(np.float64).tiny))


class MeanShift:
    """Mean shift with the parameters and attributes of scikit-learn's estimators.

    Parameters
    ----------
    bandwidth : float, optional
        Radius of the flat kernel, standard deviation of the Gaussian one; by default
        `estimate_bandwidth` of the points.
    kernel : {"flat", "gaussian"}
        How points count with their distance.
    labels : {"nearest", "basin"}
        Whether a point belongs to the nearest centre or to the one that mean shift takes it to.
    bin_seeding : bool
        Begin at the cells, a bandwidth wide, that hold points instead of at every point: fewer
        seeds, which may miss a mode.
    min_bin_freq : int
        Points that such a cell must hold.
    merge : float, optional
        Seeds that have come into one cell, so many bandwidths wide, go on as one; see
        `nanochart.chart.mean_shift.mean_shift`.
    n_jobs : int, optional
        Threads: 1 if None, all cores if -1, all but one if -2. They do not change the result.

    Attributes
    ----------
    cluster_centers_ : ndarray, shape (n_clusters, n_features)
        The modes, by falling weight.
    labels_ : ndarray of int, shape (n_samples,)
        The centre of every point.
    bandwidth_ : float
        The bandwidth given or estimated.
    n_iter_ : int
        Moves of the seed that moved most.
    n_features_in_ : int
        Columns of the points.
    feature_names_in_ : ndarray of str, shape (n_features,)
        Names of the columns, if the points came with names that are all strings.

    Notes
    -----
    Of scikit-learn's ``MeanShift`` the options ``seeds`` (`nanochart.chart.mean_shift.mean_shift`
    has it), ``cluster_all=False`` and ``max_iter`` are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from nanochart.chart.estimator import MeanShift
    >>> model = MeanShift(bandwidth=2).fit([[1, 1], [2, 1], [1, 0], [4, 7], [3, 5], [3, 6]])
    >>> model.labels_
    array([1, 1, 1, 0, 0, 0])
    >>> model.predict([[0, 0], [5, 5]])
    array([1, 0])
    """

    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        kernel: Kernel = "flat",
        labels: Labels = "nearest",
        bin_seeding: bool = False,
        min_bin_freq: int = 1,
        merge: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.labels = labels
        self.bin_seeding = bin_seeding
        self.min_bin_freq = min_bin_freq
        self.merge = merge
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find the modes of some points.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The points.
        y
            Ignored; pipelines pass it.

        Returns
        -------
        MeanShift
            The estimator itself.

        Raises
        ------
        InputError
            The points or a parameter cannot be used; a ``NanochartError`` and a ``ValueError``.
        """
        points = table_of(X)
        names = column_names(X)
        bandwidth = estimate_bandwidth(points) if self.bandwidth is None else self.bandwidth
        modes = self._modes(points, bandwidth)
        # Set last: a fit that fails leaves what was fitted before.
        self.bandwidth_ = float(bandwidth)
        self.cluster_centers_ = modes.centres
        self.labels_ = modes.labels
        self.n_iter_ = modes.n_moves
        self.n_features_in_ = points.shape[1]
        self._points = points
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return the centre of new points.

        With ``labels="basin"`` each climbs over the fitted points by itself, so its label does
        not depend on the others; where ``merge`` is above 0, a fitted point on the border of two
        basins may get another label than in ``labels_``.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The points.

        Returns
        -------
        ndarray of int, shape (n_samples,)

        Raises
        ------
        InputError
            The points cannot be used.
        NotFitted
            Nothing is fitted yet (scikit-learn's ``NotFittedError`` where it is installed).
        """
        if not hasattr(self, "cluster_centers_"):
            raise not_fitted("this MeanShift is not fitted yet: call fit first")
        check_column_names(X, getattr(self, "feature_names_in_", None))
        points = table_of(X)
        if points.shape[1] != self.n_features_in_:
            raise InputError(
                f"X has {points.shape[1]} features, but MeanShift is expecting "
                f"{self.n_features_in_} features as input"
            )
        if self.labels == "basin":
            points = ascend(
                self._points,
                points,
                self.bandwidth_,
                gaussian=self.kernel == "gaussian",
                threads=_threads(self.n_jobs),
            ).places
        return np.asarray(cKDTree(self.cluster_centers_).query(points)[1], dtype=np.int64)

    def fit_predict(self, X: Any, y: Any = None) -> NDArray[np.int64]:
        """Find the modes of some points and return the centre of each.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The points.
        y
            Ignored.

        Returns
        -------
        ndarray of int, shape (n_samples,)

        Raises
        ------
        InputError
            The points or a parameter cannot be used.
        """
        return self.fit(X, y).labels_

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Return the parameters by name; ``deep`` changes nothing, for none is an estimator."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name and return the estimator.

        Raises
        ------
        InputError
            There is no parameter of that name.
        """
        unknown = [name for name in params if name not in _PARAMETERS]
        if unknown:
            raise InputError(
                f"MeanShift has no parameter {unknown[0]!r}; it has {', '.join(_PARAMETERS)}"
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not _PARAMETERS[name] and value != _PARAMETERS[name]
        ]
        return f"MeanShift({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """Say to scikit-learn what this is: a clusterer of plain tables."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type="clusterer",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(),
        )

    def _modes(self, points: Points, bandwidth: float) -> Modes:
        """Return the modes of checked points; what is wrong with a parameter as an InputError."""
        try:
            points = checked(points, bandwidth)  # before seeds are made with the bandwidth
            seeds = bin_seeds(points, bandwidth, self.min_bin_freq) if self.bin_seeding else None
            return mean_shift(
                points,
                bandwidth,
                kernel=self.kernel,
                labels=self.labels,
                seeds=seeds,
                merge=self.merge,
                threads=_threads(self.n_jobs),
            )
        except NanochartError as error:
            raise InputError(str(error)) from None


#: The parameters of `MeanShift` and their defaults.
_PARAMETERS = {
    name: parameter.default
    for name, parameter in inspect.signature(MeanShift.__init__).parameters.items()
    if name != "self"
}


def estimate_bandwidth(points: Points, quantile: float = QUANTILE) -> float:
    """Return scikit-learn's estimate of a bandwidth.

    The mean distance from a point to its k-th neighbour, itself counted as the first, where k is
    a share of the number of points. Time grows with the square of that number.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The points, finite.
    quantile
        The share of the points.

    Returns
    -------
    float
        Above 0 also where every point coincides with its k-th neighbour.
    """
    k = max(int(len(points) * quantile), 1)
    distances = cKDTree(points).query(points, k=[k])[0]
    return max(float(distances.mean()), _SMALLEST_BANDWIDTH)


def _threads(n_jobs: int | None) -> int:
    """Return a number of threads; negative numbers count from all cores down, as in joblib."""
    if n_jobs is None:
        return 1
    if n_jobs == 0:
        raise InputError("n_jobs 0 makes no sense: give 1 or more, -1 for all cores, or None")
    return n_jobs if n_jobs > 0 else max(available_cores() + 1 + n_jobs, 1)
