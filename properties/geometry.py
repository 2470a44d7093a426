"""`Geometry`: extents of a call, drawn from the output so that every draw is a valid call."""

from __future__ import annotations

from dataclasses import dataclass

from reference import Conv2dParams

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """What was drawn about extents, before the input's extent is computed from it."""

    kernel: Pair
    stride: Pair
    padding: Pair | str
    dilation: Pair
    padding_mode: str
    output: Pair
    spare: Pair  # rows and columns that the last stride leaves over
    fit: str

    def params(self, groups: int) -> Conv2dParams:
        """Return the parameters of the call."""
        return Conv2dParams(self.stride, self.padding, self.dilation, groups, self.padding_mode)

    def input_size(self) -> Pair:
        """Return the extent of an input that gives `output`, or the nearest possible one."""
        pads = self.params(1).pads(self.kernel)
        height, width = (self._extent(axis, sum(pads[axis]), max(pads[axis])) for axis in (0, 1))
        return height, width

    def _extent(self, axis: int, padded: int, largest_pad: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        if self.fit == "equal":
            extent = self.kernel[axis]
        elif self.fit == "larger":
            extent = self.kernel[axis] - 1
        else:
            extent = (self.output[axis] - 1) * self.stride[axis] + reach - padded + self.spare[axis]
        least = {"reflect": largest_pad + 1, "circular": largest_pad}.get(self.padding_mode, 1)
        return max(extent, reach - padded, least, 1)
