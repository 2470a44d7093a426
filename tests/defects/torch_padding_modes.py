"""Torch's defect torch-padding-modes.

Symptom: nn.Conv2d refuses negative padding and a third one in mode zeros only; in others it crops,
and pads channels.

Seen with torch 2.

Exit status: 1 while the defect is there, 0 when it is gone, 2 where it cannot show.
"""

import sys

import torch

x = torch.ones(1, 1, 3, 3)

# All of these are to be refused.
calls = {
    "negative padding": lambda: torch.nn.Conv2d(
        1, 1, (1, 1), padding=(-1, 0), padding_mode="circular"
    )(x),
    "length of padding": lambda: torch.nn.Conv2d(1, 1, (1, 1), padding=(), padding_mode="circular")(
        x
    ),
}
there = False
for name, call in calls.items():
    try:
        print(f"{name}: answered with shape {tuple(call().shape)}")
        there = True
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        print(f"{name}: refused, {error}")
    except Exception as error:
        print(f"{name}: {type(error).__name__}, {error}")
        there = True
sys.exit(there)
