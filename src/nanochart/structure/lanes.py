"""Sixteen atoms, or sixteen bonds, at a time: the SIMD steps of common neighbour analysis.

numba does not turn "is it near?" into a bit mask by itself, so these steps are written as LLVM
vectors of 16 lanes, which LLVM maps onto whatever the processor has (AVX-512, AVX2, SSE, NEON).
They check nothing: the caller keeps every index inside its array. Edits made here must show in
``bonds.SOURCES``.
"""

# mypy: disallow-untyped-decorators=False, disallow-untyped-defs=False
# mypy: disallow-untyped-calls=False
# ruff: noqa: ARG001, an intrinsic is typed by all its arguments and generates code from their values

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

#: Lanes of a vector: neighbours of an atom that are treated together.
LANES = 16
#: float32 numbers that stand for one atom where its coordinates lie together: x, y, z, |p|²/2.
PER_POINT = 4

#: Called without the first argument, which numba supplies: nothing a type checker can follow.
intrinsic: Any = numba_intrinsic

_BIT, _INT16, _INT32, _INT64 = (ir.IntType(width) for width in (1, 16, 32, 64))
_FLOAT = ir.FloatType()
_BITS = ir.VectorType(_BIT, LANES)
_INTS = ir.VectorType(_INT16, LANES)
_FLOATS = ir.VectorType(_FLOAT, LANES)
_POINT = ir.VectorType(_FLOAT, PER_POINT)
#: A product that is only ever added may be fused with the addition.
_FUSE = ("contract",)


class _Array:
    """Typed loads and stores of one array argument, by plain offsets."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self.builder = builder
        self.data = context.make_array(kind)(context, builder, value).data

    def at(self, index: Any, vector: Any = None) -> Any:
        """Return a pointer to an element, or to the vector that starts there."""
        pointer = self.builder.gep(self.data, [index])
        return pointer if vector is None else self.builder.bitcast(pointer, vector.as_pointer())

    def load(self, index: Any, vector: Any = None) -> Any:
        """Load an element, or the vector that starts there; vectors need not be aligned."""
        if vector is None:
            return self.builder.load(self.at(index))
        return self.builder.load(self.at(index, vector), align=_bytes(vector.element))

    def store(self, value: Any, index: Any) -> None:
        """Store an element, or a vector that starts there."""
        if isinstance(value.type, ir.VectorType):
            pointer = self.at(index, value.type)
            self.builder.store(value, pointer, align=_bytes(value.type.element))
        else:
            self.builder.store(value, self.at(index))


def _bytes(element: Any) -> int:
    return 4 if element is _FLOAT else int(element.width) // 8


def _arrays(context: Any, builder: Any, signature: Any, values: Any) -> list[Any]:
    """Return the arguments, the arrays among them wrapped."""
    return [
        _Array(context, builder, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, values, strict=True)
    ]


def _constant(value: int) -> Any:
    return ir.Constant(_INT64, value)


def _everywhere(value: int) -> Any:
    """Return the constant in all 16 lanes of uint16."""
    return ir.Constant(_INTS, [value] * LANES)


def _splat(builder: Any, value: Any, vector: Any) -> Any:
    """Return a vector that holds the value in all lanes."""
    nothing = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(one, nothing, _order(LANES * [0]))


def _order(lanes: Any) -> Any:
    """Return the constant that tells a shuffle which lanes to take."""
    return ir.Constant(ir.VectorType(_INT32, len(lanes)), list(lanes))


def _as_word(builder: Any, bits: Any) -> Any:
    """Return 16 truth values as the lowest bits of a uint64."""
    return builder.zext(builder.bitcast(bits, _INT16), _INT64)


def _popcount(builder: Any, ints: Any) -> Any:
    """Count the bits set in each lane."""
    kind = ir.FunctionType(_INTS, [_INTS])
    count = cgutils.get_or_insert_function(builder.module, kind, f"llvm.ctpop.v{LANES}i16")
    return builder.call(count, [ints])


def _minus_dot(builder: Any, start: Any, columns: Any, point: Any) -> Any:
    """Return start − Σ columns·point, lane by lane."""
    for column, coordinate in zip(columns, point, strict=True):
        product = builder.fmul(column, _splat(builder, coordinate, _FLOATS), flags=_FUSE)
        start = builder.fsub(start, product, flags=_FUSE)
    return start


@intrinsic
def count_bits(typing_context, word):
    """Return how many bits of a uint64 are set."""

    def generate(context, builder, signature, values):
        return builder.ctpop(values[0])

    return types.uint64(types.uint64), generate


@intrinsic
def lowest_bit(typing_context, word):
    """Return the place of the lowest bit set in a uint64, 64 if none is."""

    def generate(context, builder, signature, values):
        return builder.cttz(values[0], ir.Constant(_BIT, 0))

    return types.uint64(types.uint64), generate


@intrinsic
def near(typing_context, x, y, z, start, g, g_start, xi, yi, zi, limit):
    """Return the bits of the 16 atoms from ``start`` on with ``g − x·xi − y·yi − z·zi <= limit``.

    With g = (|p|² − cutoff²)/2 and limit = −|pi|²/2 these are the atoms within the cutoff:
    |p − pi|² = |p|² + |pi|² − 2 p·pi, three fused operations for 16 atoms. NaN is near nothing.
    """

    def generate(context, builder, signature, values):
        x, y, z, start, g, g_start, xi, yi, zi, limit = _arrays(context, builder, signature, values)
        columns = [column.load(start, _FLOATS) for column in (x, y, z)]
        t = _minus_dot(builder, g.load(g_start, _FLOATS), columns, (xi, yi, zi))
        is_near = builder.fcmp_ordered("<=", t, _splat(builder, limit, _FLOATS))
        return _as_word(builder, is_near)

    arguments = (x, y, z, types.uint64, g, types.uint64, *[types.float32] * 4)
    return types.uint64(*arguments), generate


def _transposed(builder: Any, points: Any, offsets: Any) -> list[Any]:
    """Gather 16 points (x, y, z, h) and return their four columns as vectors."""
    quarters: list[list[Any]] = [[], [], [], []]
    for first in range(0, LANES, 4):
        a, b, c, d = (points.load(offsets[first + k], _POINT) for k in range(4))
        xy_ab = builder.shuffle_vector(a, b, _order([0, 4, 1, 5]))  # xa xb ya yb
        zh_ab = builder.shuffle_vector(a, b, _order([2, 6, 3, 7]))
        xy_cd = builder.shuffle_vector(c, d, _order([0, 4, 1, 5]))
        zh_cd = builder.shuffle_vector(c, d, _order([2, 6, 3, 7]))
        quarters[0].append(builder.shuffle_vector(xy_ab, xy_cd, _order([0, 1, 4, 5])))
        quarters[1].append(builder.shuffle_vector(xy_ab, xy_cd, _order([2, 3, 6, 7])))
        quarters[2].append(builder.shuffle_vector(zh_ab, zh_cd, _order([0, 1, 4, 5])))
        quarters[3].append(builder.shuffle_vector(zh_ab, zh_cd, _order([2, 3, 6, 7])))
    columns = []
    for one, two, three, four in quarters:
        low = builder.shuffle_vector(one, two, _order(range(8)))
        high = builder.shuffle_vector(three, four, _order(range(8)))
        columns.append(builder.shuffle_vector(low, high, _order(range(16))))
    return columns


@intrinsic
def neighbour_rows(
    typing_context,
    points,
    limits,
    limit_of,
    lists,
    place,
    atom,
    masks,
    mask,
    rows,
    row,
    n_rows,
    closest,
    margin,
):
    """Fill the adjacency of an atom's neighbours; return the neighbours that are surely bonded.

    Bit b of ``rows[row + a]`` says that neighbours a and b of the atom are bonded, for the first
    ``n_rows`` of the up to 16 neighbours ``lists[place:]``, after masking with ``masks[mask + a]``.
    ``points`` holds x, y, z and h = |p|²/2 of every atom, ``limits`` cutoff²/2 towards each of the
    16 neighbours, from ``limit_of[j]`` on for an atom j. Surely bonded to the atom itself is
    who is nearer than the cutoff by more than the margin and farther than ``closest``; both, and
    the margin, are half squares of distances.
    """

    def generate(context, builder, signature, values):
        (points, limits, limit_of, lists, place, atom, masks, mask, rows, row, n_rows, closest,
         margin) = _arrays(context, builder, signature, values)  # fmt: skip

        def neighbour(lane):
            return builder.zext(lists.load(builder.add(place, lane)), _INT64)

        def offset(index):
            return builder.mul(index, _constant(PER_POINT))

        lanes = range(LANES)
        *columns, h = _transposed(builder, points, [offset(neighbour(_constant(k))) for k in lanes])

        def half_squares(index):
            """Return |p|²/2 − p·p_index of the 16 neighbours, their limits, and |p_index|²/2."""
            place = offset(index)
            x, y, z, own = (points.load(builder.add(place, _constant(k))) for k in range(4))
            limit = limits.load(builder.zext(limit_of.load(index), _INT64), _FLOATS)
            return _minus_dot(builder, h, columns, (x, y, z)), limit, own

        with cgutils.for_range(builder, n_rows) as loop:
            t, limit, own = half_squares(neighbour(loop.index))
            bonded = builder.fcmp_ordered(
                "<=", t, builder.fsub(limit, _splat(builder, own, _FLOATS))
            )
            bits = builder.and_(
                builder.bitcast(bonded, _INT16), masks.load(builder.add(mask, loop.index))
            )
            rows.store(bits, builder.add(row, loop.index))
        t, limit, own = half_squares(atom)
        far = builder.fsub(limit, _splat(builder, builder.fadd(own, margin), _FLOATS))
        close = _splat(builder, builder.fsub(builder.fadd(closest, margin), own), _FLOATS)
        sure = builder.and_(
            builder.fcmp_ordered("<=", t, far), builder.fcmp_ordered(">=", t, close)
        )
        return _as_word(builder, sure)

    index = types.uint64
    arguments = (points, limits, limit_of, lists, index, index, masks, index, rows, index, index,
                 types.float32, types.float32)  # fmt: skip
    return types.uint64(*arguments), generate


def _signatures(builder: Any, rows: Any, row: Any, n_rows: Any) -> tuple[Any, Any, Any]:
    """Return the three numbers of the signatures of the bonds to up to 16 neighbours.

    The common neighbours of the atom and its neighbour a are row a of the adjacency. The bonds
    among them are half the sum of their degrees. Their longest chain is all of these bonds, or all
    but one if there is a single bond apart from the rest: then the bonds touch two atoms more
    than there are bonds. That covers up to 5 common neighbours but for four bonds that touch all
    five, which may be a triangle and a single bond.
    """
    common = rows.load(row, _INTS)
    degrees = cgutils.alloca_once_value(builder, _everywhere(0))
    touched = cgutils.alloca_once_value(builder, _everywhere(0))
    with cgutils.for_range(builder, n_rows) as loop:
        one = rows.load(builder.add(row, loop.index))
        among = builder.and_(common, _splat(builder, one, _INTS))
        # Bit a of row b is bit b of row a: the lanes that have b among their common neighbours.
        among = builder.select(builder.bitcast(one, _BITS), among, _everywhere(0))
        builder.store(builder.add(builder.load(degrees), _popcount(builder, among)), degrees)
        builder.store(builder.or_(builder.load(touched), among), touched)
    n_bonds = builder.lshr(builder.load(degrees), _everywhere(1))
    n_touched = _popcount(builder, builder.load(touched))
    apart = builder.icmp_unsigned(">", n_touched, builder.add(n_bonds, _everywhere(1)))
    longest = builder.sub(n_bonds, builder.zext(apart, _INTS))
    return _popcount(builder, common), n_bonds, longest


@intrinsic
def lane_signatures(typing_context, rows, row, n_rows, out):
    """Write 16 first, 16 second and 16 third numbers of signatures; return the unsettled lanes.

    In those the third number may be wrong: more than 5 common neighbours, or 5 with 4 bonds.
    """

    def generate(context, builder, signature, values):
        rows, row, n_rows, out = _arrays(context, builder, signature, values)
        n_common, n_bonds, longest = _signatures(builder, rows, row, n_rows)
        for place, number in enumerate((n_common, n_bonds, longest)):
            out.store(number, _constant(LANES * place))
        five_and_four = builder.and_(
            builder.icmp_unsigned("==", n_common, _everywhere(5)),
            builder.icmp_unsigned("==", n_bonds, _everywhere(4)),
        )
        many = builder.icmp_unsigned(">", n_common, _everywhere(5))
        return _as_word(builder, builder.or_(many, five_and_four))

    return types.uint64(rows, types.uint64, types.uint64, out), generate


@intrinsic
def lane_keys(typing_context, rows, row, n_rows, base, out):
    """Write to ``out[row:]`` 16 keys (i·base + j)·base + k of signatures ijk, digits below base."""

    def generate(context, builder, signature, values):
        rows, row, n_rows, base, out = _arrays(context, builder, signature, values)
        base = _splat(builder, builder.trunc(base, _INT16), _INTS)
        largest = builder.sub(base, _everywhere(1))
        key = _everywhere(0)
        for number in _signatures(builder, rows, row, n_rows):
            small = builder.icmp_unsigned("<", number, largest)
            digit = builder.select(small, number, largest)
            key = builder.add(builder.mul(key, base), digit)
        out.store(key, row)
        return context.get_dummy_value()

    return types.void(rows, types.uint64, types.uint64, types.uint64, out), generate
