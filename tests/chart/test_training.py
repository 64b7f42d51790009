"""The protocol: schedule, split, resume to the same bits, refusals; PCA against scikit-learn."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from nanochart.chart.judgement import encode, linear_baseline, r_squared, reconstruct
from nanochart.chart.protocol import batches, split
from nanochart.chart.sealed import read_sealed, write_sealed
from nanochart.chart.training import TrainingSettings, train_autoencoder
from nanochart.errors import NanochartError

#: Bits are promised on a CPU only.
train = partial(train_autoencoder, device="cpu")
N_BINS = 90
SETTINGS = TrainingSettings(epochs=4, batch_size=16, halve_at=(1, 3), seed=7)


@pytest.fixture(scope="module")
def inputs():
    """81 curves: 16 validate, 65 train, so that a last batch of one is left over."""
    rng = np.random.default_rng(0)
    x, phase = np.linspace(0, 12, N_BINS), rng.uniform(0, 3, (81, 1))
    return (0.5 + 0.5 * np.sin(x + phase) * np.cos(phase)).astype(np.float32)


def same_bits(one, other):
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_paper_protocol_is_the_default():
    paper = TrainingSettings()
    assert (paper.epochs, paper.batch_size, paper.validation_fraction) == (100, 128, 0.2)
    # torch's MultiStepLR(milestones=[30, 90], gamma=0.5): halved from epochs 30 and 90 on
    rates = [paper.learning_rate_at(epoch) for epoch in (0, 29, 30, 89, 90, 99)]
    assert rates == [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4, 2.5e-4]


def test_learning(inputs):
    training = train(inputs, TrainingSettings(epochs=25, batch_size=16), threads=1)
    history = training.history
    assert history.train_loss[-1] < 0.3 * history.train_loss[0]
    assert training.best_loss == history.validation_loss.min()
    assert training.best_epoch == history.validation_loss.argmin()
    # the model kept is the best one, not the last
    _, errors = reconstruct(training.model, inputs)
    assert errors[training.validation_indices].mean() == pytest.approx(training.best_loss)
    variance = inputs[training.validation_indices].var(axis=0, dtype=np.float64).mean()
    assert training.validation_r2 == pytest.approx(1 - training.best_loss / variance)
    assert not training.model.training


def test_the_split_is_a_partition(inputs):
    training, validation = split(len(inputs), SETTINGS)
    assert sorted([*training, *validation]) == list(range(81))
    assert len(validation) == 16  # 20 % of 81
    assert not np.array_equal(split(81, TrainingSettings(seed=8))[0], training)


def test_a_resumed_training_has_the_same_bits(inputs, tmp_path):
    whole = train(inputs, SETTINGS, checkpoint=tmp_path / "whole")
    short = TrainingSettings(epochs=2, batch_size=16, halve_at=(1, 3), seed=7)
    train(inputs, short, checkpoint=tmp_path / "parts")
    parts = train(inputs, SETTINGS, checkpoint=tmp_path / "parts")
    assert same_bits(parts, whole)
    for column in ("train_loss", "validation_loss", "learning_rate"):
        np.testing.assert_array_equal(
            getattr(parts.history, column), getattr(whole.history, column)
        )
    np.testing.assert_array_equal(whole.history.learning_rate, [1e-3, 5e-4, 5e-4, 2.5e-4])
    # all epochs are there: nothing is trained, the same comes back
    assert same_bits(train(inputs, SETTINGS, checkpoint=tmp_path / "parts"), whole)


def test_a_training_killed_within_an_epoch_has_the_same_bits(inputs, tmp_path):
    def die(done, total, **_):
        if done > 0.6 * total:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train(inputs, SETTINGS, checkpoint=checkpoint, progress=die)
    resumed = train(inputs, SETTINGS, checkpoint=checkpoint)
    assert same_bits(resumed, train(inputs, SETTINGS))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_training_leaves_the_global_random_state_alone(inputs):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one = train(inputs, TrainingSettings(epochs=1))
    assert torch.equal(torch.rand(1), expected)
    assert same_bits(one, train(inputs, TrainingSettings(epochs=1)))


def test_log_and_progress(inputs, tmp_path):
    calls = []
    train(
        inputs,
        SETTINGS,
        log=tmp_path / "log.csv",
        progress=lambda done, total, **figures: calls.append((done, total, figures)),
    )
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,train_loss,validation_loss,learning_rate,seconds"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    # 65 structures in batches of 16 are 4, the one left over joins the last; 4 epochs
    assert [done for done, _, _ in calls] == list(range(1, 17))
    assert calls[-1][1] == 16
    assert calls[-1][2]["epoch"] == 4


def test_a_checkpoint_of_another_training_is_refused(inputs, tmp_path):
    path = tmp_path / "checkpoint"
    train(inputs, SETTINGS, checkpoint=path)
    before = path.read_bytes()
    for settings, different in (
        (TrainingSettings(epochs=4, batch_size=16, halve_at=(1, 3), seed=8), "seed"),
        (TrainingSettings(epochs=4, batch_size=32, halve_at=(1, 3), seed=7), "batch_size"),
        (TrainingSettings(epochs=3, batch_size=16, halve_at=(1, 3), seed=7), "4 epochs"),
    ):
        with pytest.raises(NanochartError, match=different):
            train(inputs, settings, checkpoint=path)
    with pytest.raises(NanochartError, match=r"different: inputs.*delete"):
        train(inputs[:-1], SETTINGS, checkpoint=path)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_network_is_refused(inputs, tmp_path):
    path = tmp_path / "checkpoint"
    train(inputs, TrainingSettings(epochs=1, batch_size=16), checkpoint=path)
    tensors, metadata = read_sealed(path, "checkpoint", format_version=1, remedy="")
    bias, adams = "model.embed_linear.bias", "adam.exp_avg.embed_linear.bias"
    for other in (
        {**tensors, bias: torch.zeros(4)},
        {name: tensor for name, tensor in tensors.items() if name != adams},
        {**tensors, "model.another.layer": torch.zeros(1)},
    ):
        write_sealed(path, "checkpoint", other, metadata)
        with pytest.raises(NanochartError, match=r"of another network .*; delete"):
            train(inputs, TrainingSettings(epochs=2, batch_size=16), checkpoint=path)


def test_a_damaged_checkpoint_is_refused(inputs, tmp_path):
    path = tmp_path / "checkpoint"
    train(inputs, TrainingSettings(epochs=1, batch_size=16), checkpoint=path)
    whole = path.read_bytes()
    for damaged in (whole[:-100], b"", whole[:200], whole[:-5] + b"?" + whole[-4:]):
        path.write_bytes(damaged)
        with pytest.raises(NanochartError, match="delete"):
            train(inputs, TrainingSettings(epochs=2, batch_size=16), checkpoint=path)


def test_what_cannot_be_trained_on_is_refused(inputs):
    with pytest.raises(NanochartError, match="too few"):
        train(inputs[:9])
    spoilt = inputs.copy()
    spoilt[5, 3] = np.nan
    with pytest.raises(NanochartError, match="structure 5"):
        train(spoilt)
    with pytest.raises(NanochartError, match="81 structures are all the same"):
        train(np.repeat(inputs[:1], 81, axis=0))
    with pytest.raises(NanochartError, match="no longer a number at epoch 1, batch"):
        train(inputs, TrainingSettings(learning_rate=1e30, batch_size=16))


def test_degenerate_data_give_a_model(inputs):
    constant = inputs.copy()
    constant[:, :20] = 0.0  # bins that min-max scaling leaves constant
    for data in (constant, inputs[:10]):  # 8 of 10 train: less than a batch
        training = train(data, SETTINGS)
        assert np.isfinite(training.history.validation_loss).all()
        cvs, errors = reconstruct(training.model, data)
        assert np.isfinite(cvs).all()
        assert np.isfinite(errors).all()
        assert np.isfinite(training.validation_r2)


def test_the_batches_are_a_partition():
    for n in range(4, 60):
        for size, fewest in ((4, 2), (5, 2), (16, 2), (4, 4), (7, 6)):
            cut = list(batches(max(n, fewest), size, fewest))
            sizes = [piece.stop - piece.start for piece in cut]
            assert [piece.start for piece in cut[1:]] == [piece.stop for piece in cut[:-1]]
            assert (cut[0].start, cut[-1].stop) == (0, max(n, fewest))
            assert min(sizes) >= fewest
            assert max(sizes) < size + fewest


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"batch_size": 1}, {"learning_rate": 0.0}, {"validation_fraction": 1.0}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(NanochartError, match=next(iter(wrong))):
        TrainingSettings(**wrong)


def test_linear_baseline_is_that_of_scikit_learn(inputs, require_oracle):
    decomposition = require_oracle("sklearn.decomposition")
    training, validation = split(len(inputs), SETTINGS)
    pca = decomposition.PCA(n_components=3).fit(inputs[training].astype(np.float64))
    back = pca.inverse_transform(pca.transform(inputs[validation]))
    expected = np.square(back - inputs[validation]).mean()
    ours = linear_baseline(inputs, training, validation)
    assert ours == pytest.approx(expected, rel=1e-6)
    metrics = require_oracle("sklearn.metrics")
    expected_r2 = metrics.r2_score(inputs[validation], back, multioutput="variance_weighted")
    assert r_squared(ours, inputs, validation) == pytest.approx(expected_r2, rel=1e-5)


def test_encoding_does_not_depend_on_company(inputs):
    model = train(inputs, TrainingSettings(epochs=1, batch_size=16)).model
    many = np.tile(inputs, (5, 1))  # 405: more than one batch
    cvs, _ = reconstruct(model, many)
    np.testing.assert_array_equal(encode(model, many), cvs)
    np.testing.assert_allclose(encode(model, inputs[:1]), cvs[:1], rtol=1e-4, atol=1e-5)
