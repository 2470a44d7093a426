"""The list of mutants that keep from an earlier call what a later one must make anew."""

from __future__ import annotations

from tests.mutants.catalogue import SEQUENCES, TRAINING, VALUE, Call, Mutant

OPERANDS = ("input", "weight", "bias")

STALE = (
    Mutant(
        "stale:weight_packed_on_its_tensor",
        "a weight is packed once per tensor object",
        (SEQUENCES, TRAINING),
        Call(calls=2),
        klass="state",
        region={"sequence": "weight changed in place"},
    ),
    Mutant(
        "stale:bias_packed_with_the_weight",
        "a bias that changes alone is not noticed",
        (SEQUENCES,),
        Call(bias=True, calls=2, keeps=("weight",)),
        Call(bias=True, calls=2),
        klass="state",
        region={"sequence": "bias changed in place, weight kept"},
    ),
    Mutant(
        "stale:answer_kept_and_given_away",
        "the answer to the same operands is kept in the tensor that was returned",
        (SEQUENCES,),
        Call(calls=2, repeat=True, keeps=OPERANDS, overwrite=True),
        Call(calls=2, repeat=True, keeps=OPERANDS),
        klass="state",
        region={"sequence": "the same operands again, output written to", "passes": "forward"},
    ),
    Mutant(
        "stale:plan_kept_by_shape",
        "the stride of the first call with these shapes is used for all",
        (SEQUENCES,),
        Call(before=Call(stride=(2, 1))),
        Call(before=Call(w=(3, 4, 3, 3), stride=(2, 1))),
        klass="state",
        region={"sequence": "the same shapes, another stride or dilation"},
    ),
    Mutant(
        "stale:gradient_of_the_latest_input",
        "the gradient of the weight is computed from the input of the latest call",
        (SEQUENCES,),
        Call(gradients=("weight",), between=True),
        Call(gradients=("weight",)),
        klass="state",
        region={"sequence": "a call before the backward pass", "passes": "weight"},
    ),
    Mutant(
        "stale:every_second_call_wrong",
        "every second output is one too large",
        (VALUE, SEQUENCES),
        Call(calls=2),
        klass="state",
        region={"sequence": "any two calls"},
    ),
    Mutant(
        "stale:PacksOnce",
        "a layer packs its weight on its first call",
        (SEQUENCES, TRAINING),
        Call(calls=2),
        klass="state",
        region={"sequence": "weight of a layer changed in place"},
    ),
    Mutant(
        "stale:PacksForInference",
        "a layer packs its weight on its first call without grad mode, and keeps it",
        (SEQUENCES,),
        Call(calls=2, mode="no_grad"),
        Call(calls=2),
        klass="state",
        region={"sequence": "weight of a layer changed in place", "mode": "no_grad"},
    ),
)
