"""The coefficients in one scan of a JPEG file (ITU-T T.81, annexes F and G)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

ZIGZAG = sorted(
    range(64),
    key=lambda place: (
        place // 8 + place % 8,
        place // 8 if (place // 8 + place % 8) % 2 else place % 8,
    ),
)
"""The places of a block, row after row, in the order in which they are stored."""


@dataclass
class Component:
    """A component of a picture.

    Attributes:
        name: The number by which scans name it.
        factors: Its blocks along the height and the width of a unit.
        table: The number of its table of steps.
        blocks: The rows and columns of blocks that its plane has.
        units: The rows and columns of units, whose blocks may reach beyond the plane.
        values: The coefficients, 64 for each block of the units, row after row.
    """

    name: int
    factors: tuple[int, int]
    table: int
    blocks: tuple[int, int]
    units: tuple[int, int]
    values: array[int] = field(init=False)

    def __post_init__(self) -> None:
        rows, columns = self.units
        self.values = array("i", bytes(4 * 64 * rows * self.factors[0] * columns * self.factors[1]))

    @property
    def stride(self) -> int:
        """The columns of blocks in ``values``."""
        return self.units[1] * self.factors[1]


@dataclass(frozen=True)
class Scan:
    """A part of the coefficients of some components.

    Attributes:
        components: The components.
        means: For each component the code of its means; empty without one.
        others: For each component the code of its other coefficients; empty without one.
        first: The first coefficient, in the stored order.
        last: The last one.
        refines: Whether it adds one bit to coefficients that are known.
        shift: The place of its lowest bit.
    """

    components: Sequence[Component]
    means: Sequence[list[int]]
    others: Sequence[list[int]]
    first: int
    last: int
    refines: bool
    shift: int


class Bits:
    """The bits of a part of a scan; behind its end there are a few zeros.

    Args:
        data: The part, without the bytes that are stuffed into it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0
        self._ahead = 0
        self._count = 0

    def _fill(self) -> None:
        chunk = self._data[self._place : self._place + 4]
        self._place += 4
        # The last code may be shorter than what is looked at to find it.
        if self._place > len(self._data) + 16:
            raise ValueError("it ends early")
        self._ahead = (self._ahead << 32) | int.from_bytes(chunk.ljust(4, b"\0"), "big")
        self._count += 32

    def take(self, count: int) -> int:
        """The next bits as a number; ``count`` is at most 16."""
        if self._count < count:
            self._fill()
        self._count -= count
        value = self._ahead >> self._count
        self._ahead &= (1 << self._count) - 1
        return value

    def signed(self, count: int) -> int:
        """The next bits as a number that may be negative (F.2.2.1)."""
        value = self.take(count)
        return value if count == 0 or value >> (count - 1) else value - (1 << count) + 1

    def symbol(self, code: list[int]) -> int:
        """The next symbol of a code that :func:`huffman` made."""
        if self._count < 16:
            self._fill()
        entry = code[(self._ahead >> (self._count - 16)) & 0xFFFF]
        if not entry:
            raise ValueError("it is damaged: a code has no meaning")
        self._count -= entry >> 8
        self._ahead &= (1 << self._count) - 1
        return entry & 0xFF


def huffman(counts: bytes, symbols: bytes) -> list[int]:
    """A table of a code: for each 16 bits the length of the first code in them, and its symbol.

    Args:
        counts: The number of codes of each length from 1 to 16.
        symbols: Their symbols, shorter codes first.

    Returns:
        ``256 * length + symbol`` for each number of 16 bits; 0 where there is no code.

    Raises:
        ValueError: There are more codes of a length than it has room for.
    """
    table: list[int] = []
    place = 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[place : place + count]:
            table += [256 * length + symbol] * (1 << (16 - length))
        place += count
    if len(table) > 1 << 16 or place != len(symbols):
        raise ValueError("it is damaged: a code has too many words")
    return table + [0] * ((1 << 16) - len(table))


def read_scan(scan: Scan, parts: Sequence[bytes], restart: int) -> None:
    """Read a scan into the values of its components.

    Args:
        scan: The scan.
        parts: Its coded bits, between the markers of restarts.
        restart: The number of units in each part; 0 if there is one part.

    Raises:
        ValueError: The bits have no meaning, or end early.
    """
    units = _units(scan)
    for part in parts:
        reader = _Part(scan, Bits(part))
        for unit in islice(units, restart or None):
            for component, place in unit:
                reader.block(component, place)
    if next(units, None) is not None:
        raise ValueError("it ends early")


def _units(scan: Scan) -> Iterator[list[tuple[int, int]]]:
    """For each unit its blocks: the number of the component, and the place of the first value."""
    if len(scan.components) == 1:
        # Alone, a component is stored block after block, and only blocks that its plane has.
        (only,) = scan.components
        rows, columns = only.blocks
        for row, column in product(range(rows), range(columns)):
            yield [(0, 64 * (row * only.stride + column))]
        return
    rows, columns = scan.components[0].units
    for row, column in product(range(rows), range(columns)):
        yield [
            (number, 64 * ((row * v + down) * each.stride + column * h + right))
            for number, each in enumerate(scan.components)
            for v, h in [each.factors]
            for down, right in product(range(v), range(h))
        ]


class _Part:
    """Reads blocks, with what one says of the next: the last means, and a run of empty blocks."""

    def __init__(self, scan: Scan, bits: Bits) -> None:
        self._scan = scan
        self._bits = bits
        self._mean = [0] * len(scan.components)
        self._run = 0
        self._others: Callable[[array[int], int, list[int]], None] = (
            self._refined if scan.refines else self._read
        )

    def block(self, component: int, place: int) -> None:
        """Read a block of a component, whose first value has a place."""
        scan, bits = self._scan, self._bits
        values = scan.components[component].values
        if scan.first == 0 and scan.refines:
            values[place] |= bits.take(1) << scan.shift
        elif scan.first == 0:
            size = bits.symbol(scan.means[component])
            if size > 16:
                raise ValueError("it is damaged: a mean has too many bits")
            self._mean[component] += bits.signed(size)
            values[place] = self._mean[component] << scan.shift
        if scan.last > 0:
            self._others(values, place, scan.others[component])

    def _read(self, values: array[int], place: int, code: list[int]) -> None:
        """The coefficients of a block except its mean, of which nothing is known yet."""
        if self._run:
            self._run -= 1
            return
        scan, bits, k = self._scan, self._bits, max(self._scan.first, 1)
        while k <= scan.last:
            zeros, size = divmod(bits.symbol(code), 16)
            if size == 0:
                if zeros < 15:
                    self._run = (1 << zeros) - 1 + bits.take(zeros)
                    return
                k += 16
                continue
            k += zeros
            if k > scan.last:
                raise ValueError("it is damaged: a block has too many coefficients")
            values[place + ZIGZAG[k]] = bits.signed(size) << scan.shift
            k += 1

    def _refined(self, values: array[int], place: int, code: list[int]) -> None:
        """One more bit of the coefficients of a block except its mean (G.1.2.3)."""
        scan, bits, k = self._scan, self._bits, max(self._scan.first, 1)
        unit = 1 << scan.shift
        while k <= scan.last and not self._run:
            zeros, size = divmod(bits.symbol(code), 16)
            new = 0
            if size:
                new = unit if bits.take(1) else -unit
            elif zeros < 15:
                self._run = (1 << zeros) + bits.take(zeros)
                break
            k = self._past(values, place, k, zeros)
            if new and k <= scan.last:
                values[place + ZIGZAG[k]] = new
            k += 1
        if self._run:
            # Most blocks in a run are empty.
            if any(values[place + 1 : place + 64]):
                self._past(values, place, k, 64)
            self._run -= 1

    def _past(self, values: array[int], place: int, k: int, zeros: int) -> int:
        """Refine known coefficients from ``k`` on, up to the one behind a number of zeros."""
        bits, unit = self._bits, 1 << self._scan.shift
        while k <= self._scan.last:
            at = place + ZIGZAG[k]
            value = values[at]
            if not value:
                if not zeros:
                    return k
                zeros -= 1
            elif bits.take(1) and not value & unit:
                values[at] = value + (unit if value > 0 else -unit)
            k += 1
        return k
