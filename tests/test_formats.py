"""Foreign files: what ASE and LAMMPS write is read to the digit, and what is wrong is named."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import pdist

from nanochart.errors import NanochartError
from nanochart.formats import (
    Block,
    in_formula_order,
    read_structures,
    write_csv,
    write_extxyz,
)

SITES = 3.0 * np.array(list(itertools.product(range(3), repeat=3)), dtype=float)
clusters = hnp.arrays(np.float64, (4, 6, 3), elements=st.floats(-0.9, 0.9)).map(
    lambda shift: SITES[:6] + shift
)


def structures(n: int, *, n_atoms: int = 6) -> np.ndarray:
    return SITES[:n_atoms] + np.random.default_rng(n).uniform(-0.9, 0.9, (n, n_atoms, 3))


def frames(positions: np.ndarray, species: str = "Au") -> list[Atoms]:
    return [Atoms([species] * len(one), positions=one) for one in positions]


def joined(blocks: list[Block]) -> tuple[np.ndarray, list[int], int]:
    """Return positions, frame numbers and the number of skipped frames of all blocks."""
    return (
        np.concatenate([block.positions for block in blocks]),
        np.concatenate([block.frames for block in blocks]).tolist(),
        sum(block.skipped for block in blocks),
    )


def dump(positions: np.ndarray, *, element: str | None = None, order: np.ndarray) -> str:
    """Return a LAMMPS text dump, its atoms in the order in which LAMMPS happens to hold them."""
    text = []
    for step, one in enumerate(positions):
        text += ["ITEM: TIMESTEP", str(1000 * step), "ITEM: NUMBER OF ATOMS", str(len(one))]
        text += ["ITEM: BOX BOUNDS ff ff ff"] + ["-40.0 40.0"] * 3
        text += ["ITEM: ATOMS id type " + ("element " if element else "") + "x y z"]
        for i in order:
            x, y, z = one[i]
            text += [f"{i + 1} 1 {element + ' ' if element else ''}{x!r} {y!r} {z!r}"]
    return "\n".join(text).replace("np.float64(", "").replace(")", "") + "\n"


@pytest.mark.parametrize(
    ("suffix", "form", "digits"),
    [("extxyz", "extxyz", 8), ("xyz", "xyz", 15), ("xyz", "extxyz", 8), ("traj", "traj", 17)],
)
@settings(max_examples=5, deadline=None)
@given(positions=clusters)
def test_what_ase_writes_is_read(
    suffix: str,
    form: str,
    digits: int,
    positions: np.ndarray,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("formats") / f"clusters.{suffix}"
    ase.io.write(path, frames(positions, "Ag"), format=form)
    (block,) = read_structures(path)
    assert np.allclose(block.positions, positions, rtol=0, atol=10.0**-digits)
    assert (block.species, block.skipped) == ("Ag", 0)
    assert block.frames.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("element", ["Cu", None])
@settings(max_examples=5, deadline=None)
@given(positions=clusters, order=st.permutations(range(6)))
def test_a_lammps_dump_is_read_in_the_order_of_the_ids(
    element: str | None,
    positions: np.ndarray,
    order: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("formats") / "md.lammpstrj"
    path.write_text(dump(positions, element=element, order=np.array(order)))
    (block,) = read_structures(path, species="Cu")
    assert np.allclose(block.positions, positions, rtol=0, atol=1e-12)
    assert block.species == "Cu"


def test_a_dump_with_elements_is_believed_over_the_user(tmp_path: Path) -> None:
    path = tmp_path / "md.dump"
    path.write_text(dump(structures(2), element="Au", order=np.arange(6)))
    with pytest.raises(NanochartError, match=r"md.dump: frame 0 holds Au, expected only Ag"):
        list(read_structures(path, species="Ag"))


@settings(max_examples=10, deadline=None)
@given(n=st.integers(1, 23), block=st.integers(1, 9))
def test_blocks_have_the_size_asked_for_and_the_last_one_the_rest(
    n: int, block: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("formats") / "clusters.traj"
    positions = structures(n)
    ase.io.write(path, frames(positions))
    blocks = list(read_structures(path, block=block))
    sizes = [len(one.frames) for one in blocks]
    assert sizes == [block] * (n // block) + [n % block] * (n % block > 0)
    assert np.array_equal(joined(blocks)[0], positions)
    assert joined(blocks)[1] == list(range(n))


def nan_in(atoms: Atoms) -> Atoms:
    atoms.positions[2, 1] = np.nan
    return atoms


def overlap_in(atoms: Atoms) -> Atoms:
    atoms.positions[4] = atoms.positions[1] + [0.1, 0.2, 0.2]
    return atoms


def silver_in(atoms: Atoms) -> Atoms:
    atoms.symbols[3] = "Ag"
    return atoms


BAD = {
    "frame 2, atom 2 has a coordinate that is NaN": nan_in,
    r"frame 2, atoms 1 and 4 are 0\.300 Å apart": overlap_in,  # √(0.01 + 0.04 + 0.04)
    "frame 2 holds Ag, Au, expected only Au": silver_in,
    "frame 2 has 5 atoms, expected 6": lambda atoms: atoms[:5],
    "frame 2 has 1 atoms": lambda atoms: atoms[:1],
    "frame 2 has 0 atoms": lambda atoms: atoms[:0],
}


@pytest.mark.parametrize(("message", "spoil"), BAD.items())
def test_a_bad_frame_is_named_or_skipped_and_counted(
    message: str, spoil: Callable[[Atoms], Atoms], tmp_path: Path
) -> None:
    # The file's own name must not be mistaken for the number of the frame.
    path = tmp_path / "frame 0 to 4.traj"
    positions = structures(5)
    written = frames(positions)
    written[2] = spoil(written[2])
    ase.io.write(path, written)
    with pytest.raises(NanochartError, match=rf"frame 0 to 4\.traj: {message}") as caught:
        list(read_structures(path))
    assert "\n" not in str(caught.value)
    for block in (1, 2, 100):
        blocks = list(read_structures(path, skip_bad=True, block=block))
        found, numbers, skipped = joined(blocks)
        assert numbers == [0, 1, 3, 4]
        assert np.array_equal(found, positions[numbers])
        assert skipped == 1


def test_a_size_asked_for_is_that_of_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "sizes.xyz"
    positions = structures(3)
    ase.io.write(path, [Atoms("Au5", positions[0][:5]), *frames(positions[1:])])
    with pytest.raises(NanochartError, match="frame 0 has 5 atoms, expected 6"):
        list(read_structures(path, n_atoms=6))
    assert joined(list(read_structures(path, n_atoms=6, skip_bad=True)))[1:] == ([1, 2], 1)


def test_only_bad_frames_give_their_number_and_no_structure(tmp_path: Path) -> None:
    path = tmp_path / "bad.traj"
    ase.io.write(path, [nan_in(one) for one in frames(structures(3))])
    (block,) = read_structures(path, skip_bad=True)
    assert block.positions.shape == (0, 6, 3)
    assert (block.frames.size, block.skipped, block.species) == (0, 3, "Au")


@pytest.mark.parametrize("suffix", ["xyz", "extxyz", "traj", "dump"])
def test_a_file_cut_off_in_its_last_frame_is_told_or_read_up_to_there(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"cut.{suffix}"
    positions = structures(4)
    if suffix == "dump":
        path.write_text(dump(positions, element="Au", order=np.arange(6)))
    else:
        ase.io.write(path, frames(positions))
    whole = path.read_bytes()
    # A .traj ends with the last frame's description, some hundred bytes; in text, 100 bytes are
    # one or two of the six atoms.
    path.write_bytes(whole[:-100])
    with pytest.raises(NanochartError, match=rf"cut\.{suffix}: frame 3 cannot be read.*cut off"):
        list(read_structures(path))
    found, numbers, skipped = joined(list(read_structures(path, skip_bad=True)))
    assert (numbers, skipped) == ([0, 1, 2], 1)
    assert np.allclose(found, positions[:3], atol=1e-8)


def test_frames_before_the_fault_are_given_before_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.dump"
    path.write_text(dump(structures(5), element="Au", order=np.arange(6))[:-60])
    blocks = read_structures(path, block=2)
    assert next(blocks).frames.tolist() == [0, 1]
    assert next(blocks).frames.tolist() == [2, 3]
    with pytest.raises(NanochartError, match="frame 4"):
        next(blocks)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.xyz", b"", "is empty"),
        ("blank.xyz", b"\n\n", "holds no frame"),
        ("prose.xyz", b"call me Ishmael\n", "frame 0 cannot be read"),
        ("noise.traj", bytes(range(256)), "frame 0 cannot be read"),
        ("noise.dump", b"ITEM: TIMESTEP\n0\n\xff\xfe\n", "frame 0 cannot be read"),
        ("noise.unknown", bytes(range(256)), "frame 0 cannot be read"),
        ("element.xyz", b"2\n\nQq 0 0 0\nQq 3 0 0\n", "frame 0 cannot be read"),
    ],
)
@pytest.mark.parametrize("skip_bad", [True, False])
def test_what_is_no_structure_file_is_told(
    name: str, content: bytes, message: str, skip_bad: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NanochartError, match=rf"{name}: {message}") as caught:
        list(read_structures(tmp_path / name, skip_bad=skip_bad))
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.xyz"):
        with pytest.raises(NanochartError, match="no such file"):
            list(read_structures(path))


@settings(max_examples=5, deadline=None)
@given(positions=clusters)
def test_ase_reads_what_is_written(
    positions: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("formats") / "out.extxyz"
    info = [{"energy_eV": -0.5 * i, "cluster_class": "Dh"} for i in range(4)]
    write_extxyz(path, zip(positions, info, strict=True), "Cu")
    read = ase.io.read(path, ":")
    assert np.allclose([one.positions for one in read], positions, rtol=0, atol=1e-8)
    assert [one.info["energy_eV"] for one in read] == [0.0, -0.5, -1.0, -1.5]
    assert {one.info["cluster_class"] for one in read} == {"Dh"}
    assert {str(one.symbols) for one in read} == {"Cu6"}


def test_a_table_is_read_back_by_the_csv_module(tmp_path: Path) -> None:
    rows = [["1", "a, b"], ["2", 'say "cheese"'], ["3", "Å\nÅ"]]
    write_csv(tmp_path / "table.csv", ["number", "text"], rows)
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["number", "text"], *rows]


@pytest.mark.parametrize("what", ["table.csv", "clusters.extxyz"])
@pytest.mark.parametrize("there_before", [True, False])
def test_a_write_that_breaks_off_leaves_the_old_file_and_no_other(
    what: str, there_before: bool, tmp_path: Path
) -> None:
    path = tmp_path / what
    if there_before:
        path.write_text("what was there")

    def breaking_off() -> Iterator[tuple[np.ndarray, dict[str, int]]]:
        for one in structures(300):  # more than a buffer of the file system
            yield one, {"frame": 1}
        raise RuntimeError("no more")

    write = {
        "table.csv": lambda: write_csv(path, ["a", "b"], breaking_off()),
        "clusters.extxyz": lambda: write_extxyz(path, breaking_off(), "Au"),
    }[what]
    with pytest.raises(RuntimeError, match="no more"):
        write()
    assert [one.name for one in tmp_path.iterdir()] == [what] * there_before
    if there_before:
        assert path.read_text() == "what was there"


@given(shift=hnp.arrays(np.float64, 3, elements=st.floats(-60, 60)))
@settings(max_examples=20, deadline=None)
def test_a_cluster_across_the_cell_s_faces_is_put_together(
    shift: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # 18 Å of cluster in a skewed cell of some 30 Å, wherever it drifted: all distances come back.
    cell = np.array([[30.0, 0, 0], [4.0, 29.0, 0], [0, 3.0, 31.0]])
    whole = np.random.default_rng(1).uniform(0, 18, (20, 3))
    atoms = Atoms("Au20", positions=whole + shift, cell=cell, pbc=True)
    atoms.wrap()
    path = tmp_path_factory.mktemp("wrapped") / "wrapped.extxyz"
    ase.io.write(path, atoms)
    (block,) = read_structures(path)
    # Lengths read back to the file's 1e-8 Å.
    assert np.allclose(pdist(block.positions[0]), pdist(whole), atol=1e-6)


def test_a_cluster_in_an_open_cell_stays_as_it_is(tmp_path: Path) -> None:
    positions = structures(1)
    atoms = Atoms("Au6", positions=positions[0], cell=[5.0, 5.0, 5.0], pbc=False)
    ase.io.write(tmp_path / "open.extxyz", atoms)
    (block,) = read_structures(tmp_path / "open.extxyz")
    assert np.allclose(block.positions, positions)


ALLOY = ("Ag", "Cu", "Cu", "Ag", "Ag", "Cu")


@pytest.mark.parametrize("suffix", ["extxyz", "traj", "dump"])
def test_an_alloy_is_read_where_it_may_be(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"alloy.{suffix}"
    positions = structures(5)
    if suffix == "dump":
        order = np.array([3, 1, 2, 5, 4, 0])
        text = dump(positions, element="Ag", order=order).replace("2 1 Ag", "2 1 Cu")
        path.write_text(text.replace("3 1 Ag", "3 1 Cu").replace("6 1 Ag", "6 1 Cu"))
    else:
        ase.io.write(path, [Atoms(ALLOY, positions=one) for one in positions])
    blocks = list(read_structures(path, alloys=True, block=2))
    assert np.allclose(joined(blocks)[0], positions, atol=1e-8)
    assert {block.symbols for block in blocks} == {ALLOY}
    assert blocks[0].species == "Ag3Cu3"
    sorted_one = in_formula_order(blocks[0])
    assert sorted_one.symbols == ("Ag", "Ag", "Ag", "Cu", "Cu", "Cu")
    assert np.array_equal(sorted_one.positions, blocks[0].positions[:, [0, 3, 4, 1, 2, 5]])
    (told,) = read_structures(path, species="Ag3Cu3", alloys=True)
    assert told.symbols == ALLOY
    with pytest.raises(NanochartError, match=r"alloy\..*: frame 0 is Ag3Cu3, expected Ag4Cu2"):
        list(read_structures(path, species="Ag4Cu2", alloys=True))
    with pytest.raises(NanochartError, match="frame 0 holds Ag, Cu, expected only Ag"):
        list(read_structures(path))
    with pytest.raises(NanochartError, match="frame 0 holds Ag, Cu, expected only Cu"):
        list(read_structures(path, species="Cu", alloys=True))


def test_one_element_is_read_alike_where_alloys_may_be(tmp_path: Path) -> None:
    path = tmp_path / "gold.traj"
    ase.io.write(path, frames(structures(3)))
    for alloys in (True, False):
        (block,) = read_structures(path, alloys=alloys)
        assert (block.species, block.symbols) == ("Au", ("Au",) * 6)


@pytest.mark.parametrize(
    ("symbols", "remedy"),
    [(("Ag", "Cu", "Ag", "Cu", "Ag", "Cu"), "sort"), (("Ag", "Cu", "Ag", *ALLOY[3:]), "split")],
)
def test_an_alloy_whose_atoms_are_in_another_order_is_a_bad_frame(
    symbols: tuple[str, ...], remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "sorted.traj"
    positions = structures(4)
    written = [Atoms(ALLOY, positions=one) for one in positions]
    written[2] = Atoms(symbols, positions=positions[2])
    ase.io.write(path, written)
    told = rf"sorted\.traj: frame 2, atom 2 is Ag, in frame 0 it is Cu: {remedy}"
    with pytest.raises(NanochartError, match=told):
        list(read_structures(path, alloys=True))
    assert joined(list(read_structures(path, alloys=True, skip_bad=True)))[1:] == ([0, 1, 3], 1)


def test_types_are_no_elements_of_an_alloy(tmp_path: Path) -> None:
    path = tmp_path / "types.dump"
    text = dump(structures(2), order=np.arange(6)).replace("\n2 1 ", "\n2 2 ")
    path.write_text(text)
    with pytest.raises(NanochartError, match="frame 0 holds types instead of elements"):
        list(read_structures(path, alloys=True))
    (block,) = read_structures(path, species="Pt", alloys=True)
    assert block.symbols == ("Pt",) * 6


def test_a_crystal_that_fills_its_cell_is_a_bad_frame(tmp_path: Path) -> None:
    path = tmp_path / "bulk.extxyz"
    crystal = bulk("Au", cubic=True).repeat(2)
    cluster = Atoms(crystal.symbols, crystal.positions, cell=[20.0] * 3, pbc=True)
    ase.io.write(path, [cluster, crystal, cluster])
    told = r"bulk\.extxyz: frame 1 fills its periodic cell: not a cluster"
    with pytest.raises(NanochartError, match=told):
        list(read_structures(path))
    assert joined(list(read_structures(path, skip_bad=True)))[1:] == ([0, 2], 1)


@settings(max_examples=5, deadline=None)
@given(positions=clusters)
def test_columns_are_written_beside_the_positions(
    positions: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("formats") / "out.extxyz"
    columns = {
        "environment": np.arange(6, dtype=np.int8),
        "n_bonds": np.arange(6, dtype=np.uint8),
        "is_surface": np.arange(6) % 2 == 0,
        "strain": np.linspace(-0.5, 0.5, 6),
        "axis": np.arange(18).reshape(6, 3) / 8.0,
        "place": np.array(["facet", "edge", "corner", "tip", "facet", "é"]),
    }
    every = [(positions[0], {"frame": 0}, columns), (positions[1], {"frame": 1})]
    write_extxyz(path, every, ALLOY)
    first, second = ase.io.read(path, ":")
    assert tuple(first.symbols) == tuple(second.symbols) == ALLOY
    assert np.allclose([first.positions, second.positions], positions[:2], rtol=0, atol=1e-8)
    assert set(first.arrays) == {"numbers", "positions", *columns}
    assert set(second.arrays) == {"numbers", "positions"}
    for name, values in columns.items():
        if values.dtype.kind == "f":
            assert np.allclose(first.arrays[name], values, rtol=0, atol=1e-8)
        else:
            assert first.arrays[name].tolist() == values.tolist()


def test_columns_are_seen_by_ovito(
    require_oracle: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    ovito_io = require_oracle("ovito.io")
    path = tmp_path / "out.extxyz"
    environment = np.array([1, 2, 1, 0, 5, 11])
    write_extxyz(path, [(SITES[:6], {}, {"environment": environment})], ALLOY)
    particles = ovito_io.import_file(path).compute().particles
    assert np.allclose(particles.positions, SITES[:6])
    assert particles["environment"][...].tolist() == environment.tolist()
    types = particles.particle_types
    assert tuple(types.type_by_id(one).name for one in types[...]) == ALLOY


@pytest.mark.parametrize(
    ("columns", "species", "told"),
    [
        ({"strain": np.zeros(5)}, "Au", r"column strain has shape \(5,\), expected \(6,\) or"),
        ({"strain": np.zeros((6, 2, 2))}, "Au", r"column strain has shape \(6, 2, 2\)"),
        ({"strain": np.zeros((6, 0))}, "Au", r"column strain has shape \(6, 0\)"),
        ({"strain": 1.0}, "Au", r"column strain has shape \(\)"),
        ({"positions": np.zeros((6, 3))}, "Au", "no column can be named 'positions'"),
        ({"two words": np.zeros(6)}, "Au", "no column can be named 'two words'"),
        ({"a:R:1": np.zeros(6)}, "Au", "no column can be named 'a:R:1'"),
        ({"place": np.array(["(111) facet"] * 6)}, "Au", "column place has words that are empty"),
        ({"place": np.array([""] * 6)}, "Au", "column place has words that are empty or hold"),
        ({"z": np.zeros(6, dtype=complex)}, "Au", "column z holds neither numbers, bools nor"),
        ({}, ("Au", "Ag"), "2 chemical symbols for 6 atoms"),
    ],
)
def test_a_column_the_format_cannot_hold_is_named_and_nothing_written(
    columns: dict[str, np.ndarray], species: object, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "out.extxyz"
    every = [(SITES[:6], {}), (SITES[:6], {}, columns)] if columns else [(SITES[:6], {})]
    number = len(every) - 1
    with pytest.raises(NanochartError, match=rf"out\.extxyz: frame {number}: {told}"):
        write_extxyz(path, every, species)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
