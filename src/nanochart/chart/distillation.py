"""A small smooth encoder taught to reproduce a chart's CVs: for biased MD, where each step asks.

The student is a stack of linear layers with SiLU between them, on the same scaled RDFs. It is
taught values and slopes (Sobolev training, Czarnecki et al., NeurIPS 2017): with a random
displacement u of the atoms, the derivative of the CVs along u. For u of independent normal numbers
the mean square of an error in it is the squared norm of the error in d(CV)/d(positions), so the
slopes are weighed as a force weighs them. The teacher's ReLUs have kinks, which a smooth student
cannot and should not follow: how far the gradients agree is reported.

Some thousands of minima are too few to learn from (a student of any size learns them by heart), but
a teacher answers any question: each structure is asked about again and again, displaced anew, and
so are mixtures of the RDFs of two (mixup, Zhang et al., ICLR 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nanochart.chart.dense import DenseEncoder, check_layers
from nanochart.chart.devices import using
from nanochart.chart.gradient import evaluator_of
from nanochart.chart.judgement import encode
from nanochart.descriptor.rdf import RadialBasis, rdf_of_positions
from nanochart.descriptor.rdf_gradient import RdfAndGradient
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.progress import Progress, silent

#: Fewer structures teach nothing that holds elsewhere.
FEWEST_STRUCTURES = 50
#: Å, times normal numbers: half the step over which a slope is taken. Wide enough that rounding in
#: float32 does not show, and to average over some of the teacher's kinks.
_STEP = 1e-2
#: Structures whose exact gradients are compared.
_COMPARED = 200
#: Structures taken through RDF and teacher at once.
_BLOCK = 1024
#: Share of the lessons that are mixtures.
_MIXED = 0.1
#: Scaled inputs whose standard deviation is below this one are divided by this one.
SMALLEST_SPREAD = 1e-4
_TINY = 1e-300


@dataclass(frozen=True)
class DistillationSettings:
    """How the student is taught.

    Parameters
    ----------
    hidden
        Nodes of each hidden layer.
    lessons
        How many inputs are taught, at least: the structures as they are, then displaced anew and
        mixed until there are so many.
    epochs
        Passes over the lessons.
    batch_size
        Lessons a step.
    learning_rate
        Adam's at the start; it falls to zero along half a cosine.
    slope_weight
        Weight of the slopes' relative squared error, beside that of the values.
    shaken
        Å: how wide the normal numbers are, at most, by which atoms are displaced, so that the
        student follows the teacher where MD takes them.
    held_out
        Share of the structures that only judge, in (0, 1).
    seed
        Of the split, the first weights, the displacements and the order.
    """

    hidden: tuple[int, ...] = (128, 128)
    lessons: int = 100_000
    epochs: int = 60
    batch_size: int = 256
    learning_rate: float = 3e-3
    slope_weight: float = 0.03
    shaken: float = 0.15
    held_out: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for ok, wrong in (
            (self.hidden and min(self.hidden) >= 1, f"hidden = {self.hidden}: layers of 1 node"),
            (self.epochs >= 1, f"epochs = {self.epochs}: at least 1"),
            (self.batch_size >= 1, f"batch_size = {self.batch_size}: at least 1"),
            (self.learning_rate > 0, f"learning_rate = {self.learning_rate}: above 0"),
            (self.slope_weight >= 0, f"slope_weight = {self.slope_weight}: not negative"),
            (self.shaken >= 0, f"shaken = {self.shaken}: not negative"),
            (self.lessons >= 1, f"lessons = {self.lessons}: at least 1"),
            (0 < self.held_out < 1, f"held_out = {self.held_out}: between 0 and 1"),
            (self.seed >= 0, f"seed = {self.seed}: not negative"),
        ):
            if not ok:
                raise NanochartError(f"distillation settings: {wrong} is needed")


@dataclass(frozen=True, eq=False)
class DistilledEncoder:
    """Layers with SiLU between them that have a chart's CVs; evaluated by `DenseEncoder`.

    Parameters
    ----------
    weights : tuple of ndarray of float32, each (n_out, n_in)
        Of the layers, from the scaled RDF on.
    biases : tuple of ndarray of float32, each (n_out,)
    figures
        How well it was taught, on structures held out: see `distill`.
    settings
        How it was taught.
    """

    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    figures: dict[str, Any]
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        check_layers(self.weights, self.biases)

    @torch.inference_mode()
    def encode(self, scaled: NDArray[Any]) -> NDArray[np.float32]:
        """Return the CVs, (n_structures, n_cvs), of many scaled RDFs, (n_structures, n_bins)."""
        x = torch.from_numpy(np.ascontiguousarray(scaled, dtype=np.float32))
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = functional.silu(x) if layer else x
            x = functional.linear(x, torch.from_numpy(weight), torch.from_numpy(bias))
        return np.asarray(x.numpy(), dtype=np.float32)

    def as_tensors(self) -> dict[str, Tensor]:
        """Return the layers by name, for a chart's file."""
        layers = enumerate(zip(self.weights, self.biases, strict=True))
        return {
            f"{layer}.{name}": torch.from_numpy(part)
            for layer, (weight, bias) in layers
            for name, part in (("weight", weight), ("bias", bias))
        }

    def as_json(self) -> dict[str, Any]:
        """Return all else, for a chart's file."""
        return {
            "n_layers": len(self.weights),
            "figures": self.figures,
            "settings": self.settings,
        }

    @classmethod
    def from_parts(
        cls, tensors: dict[str, Tensor], metadata: dict[str, Any] | None
    ) -> DistilledEncoder | None:
        """Return the encoder that a chart's file holds, or None."""
        if metadata is None:
            return None
        layers = range(metadata["n_layers"])
        return cls(
            tuple(tensors[f"distilled.{layer}.weight"].numpy() for layer in layers),
            tuple(tensors[f"distilled.{layer}.bias"].numpy() for layer in layers),
            metadata["figures"],
            metadata["settings"],
        )


def distill(
    model: Any,
    positions: NDArray[Any],
    *,
    basis: RadialBasis,
    scaling: MinMaxScaling,
    settings: DistillationSettings | None = None,
    progress: Progress = silent,
    threads: int | None = None,
) -> DistilledEncoder:
    """Teach a small smooth encoder the CVs of a network.

    Parameters
    ----------
    model
        The teacher: ``encode`` and ``n_cvs``. Put into evaluation mode.
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
        Such as the chart was trained on; some thousands, checked before.
    basis, scaling
        Of the chart.
    settings
        How to teach.
    progress
        Called while the teacher is asked, and after every epoch with ``loss``: the mean relative
        squared error.
    threads
        Of torch and of the RDF; by default torch's own choice.

    Returns
    -------
    DistilledEncoder
        Its ``figures``, of structures held out, as they are (``"minima"``) and displaced
        (``"shaken"``): ``r2`` of each CV; ``gradient_cosine``, median and 5th percentile of the
        cosine between student's and teacher's d(CV)/d(positions) (over structures and CVs), and
        ``gradient_norm``, the median of the ratio of their norms.

    Raises
    ------
    NanochartError
        There are too few structures, or the teacher gives all of them one CV.
    """
    settings = settings or DistillationSettings()
    if len(positions) < FEWEST_STRUCTURES:
        raise NanochartError(
            f"distillation: {len(positions)} structures are too few; at least {FEWEST_STRUCTURES} "
            "are needed (some thousands for a good encoder)"
        )
    rng = np.random.default_rng(settings.seed)
    n_held = min(max(round(len(positions) * settings.held_out), 2), len(positions) - 2)
    held, taught = np.split(rng.permutation(len(positions)), [n_held])
    shaken = _shaken(positions[held], settings.shaken, rng)
    see = _Sight(model, basis, scaling, threads)
    with using(torch.device("cpu"), threads):
        lessons = _lessons(see, positions[taught], settings, rng, progress)
        student = _teach(lessons, settings, progress)
        layers = [layer for layer in student if isinstance(layer, nn.Linear)]
        weights = tuple(layer.weight.detach().numpy() for layer in layers)
        biases = tuple(layer.bias.detach().numpy() for layer in layers)
        figures = {
            name: _figures(see, DenseEncoder(weights, biases, "float32"), some)
            for name, some in (("minima", positions[held]), ("shaken", shaken))
        }
    return DistilledEncoder(
        weights,
        biases,
        {"taught": len(taught), "held_out": len(held), **figures},
        asdict(settings) | {"hidden": list(settings.hidden)},
    )


@dataclass(frozen=True, eq=False)
class _Sight:
    """What teacher and student see of positions, and what the teacher says of it."""

    model: Any
    basis: RadialBasis
    scaling: MinMaxScaling
    threads: int | None

    def inputs(self, positions: NDArray[Any]) -> NDArray[np.float64]:
        """Return the scaled RDFs, (n_structures, n_bins)."""
        rdf = rdf_of_positions(positions, self.basis, threads=self.threads)
        return self.scaling.transform(rdf)

    def cvs(self, inputs: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the teacher's CVs, (n_structures, n_cvs)."""
        return encode(self.model, inputs)


class _Lessons(NamedTuple):
    """Inputs (n, n_bins), CVs (n, n_cvs), and how both change along a displacement, per Å."""

    inputs: Tensor
    cvs: Tensor
    along: Tensor
    slopes: Tensor


def _shaken(positions: NDArray[Any], width: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return structures displaced by normal numbers, each by a width of its own up to ``width``."""
    widths = width * rng.uniform(size=(len(positions), 1, 1))
    return np.asarray(positions + widths * rng.normal(size=positions.shape), dtype=np.float64)


def _lessons(
    see: _Sight,
    positions: NDArray[Any],
    settings: DistillationSettings,
    rng: np.random.Generator,
    progress: Progress,
) -> _Lessons:
    """Return what is taught: values, and slopes along a random displacement, block by block."""
    mixed = int(settings.lessons * _MIXED)
    n_asked = max(settings.lessons - mixed, len(positions))
    parts = []
    for start in range(0, n_asked, _BLOCK):
        which = np.arange(start, min(start + _BLOCK, n_asked))
        here = positions[which % len(positions)]
        again = which >= len(positions)  # the first time, as they are
        here[again] = _shaken(here[again], settings.shaken, rng)
        parts.append(_lesson(see, here, rng))
        progress(start, n_asked)
    asked = _Lessons(*(torch.cat(list(some)) for some in zip(*parts, strict=True)))
    return _Lessons(
        *(torch.cat(both) for both in zip(asked, _mixtures(see, asked, mixed, rng), strict=True))
    )


def _lesson(see: _Sight, positions: NDArray[Any], rng: np.random.Generator) -> _Lessons:
    """Return the lessons of some structures."""
    step = _STEP * rng.normal(size=positions.shape)
    inputs, ahead, behind = (
        see.inputs(one) for one in (positions, positions + step, positions - step)
    )
    slopes = (see.cvs(ahead) - see.cvs(behind)) / (2 * _STEP)
    along = (ahead - behind) / (2 * _STEP)
    found = (inputs, see.cvs(inputs), along, slopes)
    return _Lessons(*(torch.tensor(one, dtype=torch.float32) for one in found))


def _mixtures(see: _Sight, asked: _Lessons, number: int, rng: np.random.Generator) -> _Lessons:
    """Return lessons on mixtures of two inputs, which change as the first does."""
    one, other = (torch.from_numpy(rng.integers(len(asked.inputs), size=number)) for _ in range(2))
    share = torch.from_numpy(rng.uniform(size=(number, 1))).float()
    inputs = share * asked.inputs[one] + (1 - share) * asked.inputs[other]
    along = asked.along[one]
    cvs, ahead, behind = (
        torch.from_numpy(see.cvs((inputs + step * along).double().numpy()))
        for step in (0.0, _STEP, -_STEP)
    )
    return _Lessons(inputs, cvs, along, (ahead - behind) / (2 * _STEP))


def _teach(lessons: _Lessons, settings: DistillationSettings, progress: Progress) -> nn.Sequential:
    """Return a student that has had all the lessons; it takes scaled RDFs and gives CVs."""
    # One spread for all bins: divided by its own, a bin that hardly moves would shout.
    centre = lessons.inputs.mean(0)
    spread = (lessons.inputs - centre).square().mean().sqrt().clamp_min(SMALLEST_SPREAD)
    middle, width = lessons.cvs.mean(0), lessons.cvs.std(0)
    if not (width > 0).all():
        raise NanochartError(
            "distillation: the teacher gives all structures the same CV; there is nothing to teach"
        )
    easy = _Lessons(
        (lessons.inputs - centre) / spread,
        (lessons.cvs - middle) / width,
        lessons.along / spread,
        lessons.slopes / width,
    )
    student = _student(len(centre), settings.hidden, len(middle), settings.seed)
    steepness = easy.slopes.square().mean().clamp_min(torch.finfo(torch.float32).tiny)
    order = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.Adam(student.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
    for epoch in range(settings.epochs):
        total = 0.0
        for rows in torch.randperm(len(easy.inputs), generator=order).split(settings.batch_size):
            inputs, cvs, along, slopes = (one[rows] for one in easy)
            values, rates = _values_and_rates(student, inputs, along)
            loss = (values - cvs).square().mean()
            loss = loss + settings.slope_weight * (rates - slopes).square().mean() / steepness
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        schedule.step()
        progress(epoch + 1, settings.epochs, loss=total / len(easy.inputs))
    with torch.no_grad():  # the layers take in what was subtracted and divided by
        first, last = student[0], student[-1]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        first.weight /= spread
        first.bias.sub_(first.weight @ centre)
        last.weight *= width[:, None]
        last.bias.mul_(width).add_(middle)
    return student


def _student(n_bins: int, hidden: Sequence[int], n_cvs: int, seed: int) -> nn.Sequential:
    """Return the layers with the first weights of a seed; torch's own generator is left alone."""
    sizes = [n_bins, *hidden, n_cvs]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def _values_and_rates(student: nn.Sequential, x: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """Return the student's answers to x, and how they change as x does at some rate."""
    for layer in student:
        if isinstance(layer, nn.Linear):
            x, rate = layer(x), rate @ layer.weight.T
        else:
            share = torch.sigmoid(x)
            x, rate = x * share, rate * share * (1.0 + x * (1.0 - share))
    return x, rate


def _figures(see: _Sight, student: DenseEncoder, positions: NDArray[Any]) -> dict[str, Any]:
    """Return how well the student does on structures."""
    inputs = see.inputs(positions)
    expected = see.cvs(inputs).astype(np.float64)
    cvs = np.stack([student.pull_back(one, None)[0] for one in inputs])
    residual, variance = ((cvs - expected) ** 2).mean(axis=0), expected.var(axis=0)
    teacher = evaluator_of(see.model, "float32", 1)
    rdf = RdfAndGradient(see.basis, positions.shape[1])
    cosines, norms = [], []
    for one, x in zip(positions[:_COMPARED], inputs[:_COMPARED], strict=True):
        atoms = np.array(one, dtype=np.float64, order="C")
        ours, theirs = (
            rdf.pull_back(atoms, who.pull_back(x, None)[1] / see.scaling.range).reshape(
                len(cvs[0]), -1
            )
            for who in (student, teacher)
        )
        sizes = np.linalg.norm(ours, axis=1), np.linalg.norm(theirs, axis=1)
        cosines.append((ours * theirs).sum(axis=1) / np.maximum(sizes[0] * sizes[1], _TINY))
        norms.append(sizes[0] / np.maximum(sizes[1], _TINY))
    return {
        "r2": (1.0 - residual / variance).tolist(),
        "gradient_cosine": [float(np.median(cosines)), float(np.quantile(cosines, 0.05))],
        "gradient_norm": float(np.median(norms)),
    }
