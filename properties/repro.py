"""The standalone script of a violation: torch and the implementation, nothing of this project.

It runs the call in a child of its own under a time limit, so that crash and hang are seen too.
Exit status 1 while the defect is there, 0 when it is gone, 2 when the script itself cannot run.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from pprint import pformat
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from properties import expansion
from properties.case import Case, Tensor
from properties.expect import varying
from properties.fan import attributes, bound
from properties.implementation import Implementation
from properties.large import Large
from properties.observation import expected_shapes
from properties.recovery_training import Training
from properties.sampling import unflat
from properties.script_modes import SNIPPETS
from properties.script_own import watching
from properties.special import enclosures
from properties.steps import Step, steps_of
from properties.tensors import written
from properties.values import Recipe
from properties.violations import Violation
from reference import Arithmetic, Enclosure

WRITTEN_OUT = 4096  # elements; larger tensors are hashed into being, larger outputs sampled
SAMPLES = 64
NONFINITE = (np.inf, -np.inf, np.nan)
TIME_LIMIT = 60.0

SCRIPT = Template((Path(__file__).parent / "script.py.template").read_text())
LARGE_SCRIPT = Template((Path(__file__).parent / "large.py.template").read_text())


def write_script(text: str, name: str, folder: Path) -> Path:
    """Write the script of a case and return its path."""
    path = folder / f"{name}.py"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def script(violation: Violation, implementation: Implementation) -> str:
    """Return the text of the script."""
    text = _script(violation, implementation)
    return watching(text) if implementation.own else text


def _script(violation: Violation, implementation: Implementation) -> str:
    case, check = violation.case, violation.check
    if check["kind"] == "large":
        return _large(violation, implementation)
    tensors = _operands(case)
    training = _training(violation, tensors) if check["kind"] == "train" else None
    steps = steps_of(check) if check["kind"] == "sequence" else ()
    expected = _expected(case, implementation) if check["kind"] not in ("train", "initial") else {}
    if check["kind"] == "format":
        expected["output"]["strides"] = check["strides"]
    return SCRIPT.substitute(
        title=_docstring(violation),
        target=repr(implementation.target),
        device=repr(implementation.device),
        dtype=repr(case.dtype),
        arguments=repr(_arguments(case)),
        tensors=_literal(tensors),
        gradients=repr(case.gradients),
        derivative=repr(case.derivative),
        mode=repr(case.mode),
        mode_code=f"{SNIPPETS[case.mode]}\n\n" if SNIPPETS[case.mode] else "",
        varying=repr(varying(case, implementation.device)),
        expected=_literal(expected),
        power=repr(check.get("power", 0)),
        training=_literal(training),
        sequence=_literal([_step(step, implementation) for step in steps]),
        invalid=_literal(check.get("calls", [])),
        initial=_literal(_initial(violation, implementation)),
        time_limit=repr(TIME_LIMIT + implementation.call_seconds),
    )


def _step(step: Step, implementation: Implementation) -> dict[str, Any]:
    """Return a call of a sequence: what the script has of a single one, and what goes round it."""
    case = step.case
    call = {
        "DTYPE": case.dtype,
        "ARGUMENTS": case.arguments,
        "GRADIENTS": case.gradients,
        "MODE": case.mode,
        "TENSORS": _operands(case),
        "EXPECTED": _expected(case, implementation),
    }
    between = None if step.between is None else _operands(step.between)
    rest = {"place": step.place, "overwrite": step.overwrite, "between": between}
    return {**rest, "call": call}


def _initial(violation: Violation, implementation: Implementation) -> dict[str, Any] | None:
    """Return what freshly built layers are required to be; None for a check of another kind."""
    case, check = violation.case, violation.check
    row = implementation.arithmetic(case.dtype)
    if check["kind"] != "initial" or not isinstance(row, Arithmetic):
        return None
    return {
        "seed": check["seed"],
        "bound": bound(case, row.output.u).hex(),
        "attributes": attributes(case),
    }


def _arguments(case: Case) -> dict[str, Any]:
    """Return the parameters as the case's mode writes them: pairs, or one number for both."""
    if case.mode != "int-arguments":
        return case.arguments
    return {
        name: value[0] if isinstance(value, tuple) and value[0] == value[1] else value
        for name, value in case.arguments.items()
    }


def _training(violation: Violation, tensors: dict[str, Any]) -> dict[str, Any]:
    """Return the exercise up to the first step outside; its targets join the tensors."""
    training = replace(Training.from_json(violation.check), case=violation.case.forward())
    target = Tensor.of(training.target)
    values = [float(value).hex() for value in training.target.ravel()]
    tensors["target"] = {**_placed(target), "values": values}
    return {
        "lr": training.lr,
        "momentum": training.momentum,
        "reduction": training.reduction,
        "schedule": [list(batch) for batch in training.schedule],
        "first": violation.check.get("first"),
    }


def _large(violation: Violation, implementation: Implementation) -> str:
    """Return the script of a large call: operands are hashed, elements of the output picked."""
    large = Large(violation.case)
    source = Path(expansion.__file__).read_text()
    enclosure = large.enclosure(implementation.arithmetic(large.case.dtype))
    index = unflat(large.places, large.case.output_shape).tolist()
    found = _elements(enclosure, np.arange(len(index)))
    return LARGE_SCRIPT.substitute(
        title=_docstring(violation),
        target=repr(implementation.target),
        device=repr(implementation.device),
        dtype=repr(large.case.dtype),
        arguments=repr(large.case.arguments),
        tensors=_literal({spec.pop("name"): spec for spec in large.specs}),
        shape=repr(list(large.case.output_shape)),
        expected=_literal([[at, *ball[1:]] for at, ball in zip(index, found, strict=True)]),
        expansion=source[source.index("def hashed") :],
        time_limit=repr(TIME_LIMIT + large.seconds + implementation.call_seconds),
    )


def _docstring(violation: Violation) -> str:
    text = str(violation).replace("\\", "\\\\").replace('"""', "'''")
    return "\n".join(line.rstrip() for line in text.splitlines())


def _literal(value: Any) -> str:
    return pformat(value, width=100, compact=True, sort_dicts=False)


def _operands(case: Case) -> dict[str, Any]:
    return {name: _written(case, name, tensor) for name, tensor in case.tensors.items()}


def _written(case: Case, name: str, tensor: Tensor) -> dict[str, Any]:
    """Return the layout and hex floats; a recipe in place of many floats."""
    size, shared = int(np.prod(tensor.shape, dtype=np.int64)), tensor.placement.shares(tensor.shape)
    if size > WRITTEN_OUT and isinstance(tensor.values, Recipe) and not shared:
        recipe = tensor.values
        return {**_placed(tensor), "recipe": [recipe.kind, recipe.seed, recipe.exponent]}
    values = [written(value) for value in case.arrays[name].ravel().tolist()]
    return {**_placed(tensor), "values": values}


def _placed(tensor: Tensor) -> dict[str, Any]:
    """Return where the elements lie; what is not said is 0."""
    placement = tensor.placement
    plain = {"shape": list(tensor.shape), "strides": list(placement.strides)}
    more = {"offset": placement.offset, "shift": placement.shift, "view": placement.view}
    return {**plain, **{name: value for name, value in more.items() if value}}


def _expected(case: Case, implementation: Implementation) -> dict[str, Any]:
    """Return what each result must be: its shape, and elements by any of the readings."""
    result: dict[str, Any] = {}
    for name, shape in expected_shapes(case).items():
        row = implementation.arithmetic(case.dtype, name, case.mode)
        balls = enclosures(case, name, row).values()
        readings = [_elements(ball, _sampled(ball)) for ball in balls]
        result[name] = {"shape": list(shape), "readings": readings}
    return result


def _sampled(enclosure: Enclosure) -> npt.NDArray[np.intp]:
    """Return the flat indices of all elements, or of a sample of many."""
    places = np.arange(enclosure.mid.size)
    if places.size <= WRITTEN_OUT:
        return places
    # Those that are not finite must not be missed: what they reach may be what is wrong.
    odd = np.flatnonzero(~np.isfinite(enclosure.mid))
    some = odd[np.linspace(0, odd.size - 1, min(odd.size, SAMPLES)).astype(int)]
    evenly = np.linspace(0, places.size - 1, SAMPLES).astype(int)
    beside = [(some - 1) % places.size, (some + 1) % places.size]
    return np.unique(np.concatenate([evenly, some, *beside]))


def _elements(enclosure: Enclosure, places: npt.NDArray[np.intp]) -> list[list[Any]]:
    """Return index, midpoint, radius and the infinities and NaN allowed of elements."""
    mids, rads = (array.ravel()[places].tolist() for array in (enclosure.mid, enclosure.rad))
    allowed = _allowed(enclosure, places)
    return [
        [int(i), written(mid), written(rad), [str(value) for value in may]]
        for i, mid, rad, may in zip(places, mids, rads, allowed, strict=True)
    ]


def _allowed(enclosure: Enclosure, places: npt.NDArray[np.intp]) -> list[list[complex]]:
    """Return, for elements by flat index, which of infinities and NaN each may be."""
    if enclosure.mid.dtype == np.int64:
        return [[] for _ in places]
    values: list[complex] = list(NONFINITE)
    if enclosure.mid.dtype == np.complex128:
        values = [complex(*parts) for parts in product(NONFINITE, repeat=2)]
    may = [enclosure.contains(np.full(enclosure.mid.shape, v)).ravel()[places] for v in values]
    return [
        [value for value, mask in zip(values, may, strict=True) if mask[i]]
        for i in range(len(places))
    ]
