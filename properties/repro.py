"""The standalone script of a violation: torch and the implementation, nothing of this project.

It runs the call in a child of its own under a time limit, so that crash and hang are seen too.
Exit status 1 while the defect is there, 0 when it is gone, 2 when the script itself cannot run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pprint import pformat
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from properties.case import Case, Tensor
from properties.expect import expected, varying
from properties.fan import attributes, bound
from properties.implementation import Implementation
from properties.recovery_training import Training
from properties.script_modes import SNIPPETS
from properties.tensors import written
from properties.values import Recipe
from properties.violations import Violation
from reference import Arithmetic, Enclosure

WRITTEN_OUT = 4096  # elements; larger tensors are hashed into being, larger outputs sampled
SAMPLES = 64
NONFINITE = (np.inf, -np.inf, np.nan)
TIME_LIMIT = 60.0

SCRIPT = Template((Path(__file__).parent / "script.py.template").read_text())


def write_script(violation: Violation, implementation: Implementation, directory: Path) -> Path:
    """Write the script for a violation and return its path."""
    path = directory / f"{violation.case.key[:8]}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script(violation, implementation))
    return path


def script(violation: Violation, implementation: Implementation) -> str:
    """Return the text of the script."""
    case, check = violation.case, violation.check
    tensors = {name: _written(case, name, tensor) for name, tensor in case.tensors.items()}
    training = _training(violation, tensors) if check["kind"] == "train" else None
    plain = check["kind"] not in ("train", "initial")
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
        expected=_literal(_expected(case, implementation) if plain else {}),
        power=repr(check.get("power", 0)),
        training=_literal(training),
        initial=_literal(_initial(violation, implementation)),
        time_limit=repr(TIME_LIMIT),
    )


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
    tensors["target"] = {
        "shape": list(target.shape),
        "strides": list(target.strides),
        "values": values,
    }
    return {
        "lr": training.lr,
        "momentum": training.momentum,
        "reduction": training.reduction,
        "schedule": [list(batch) for batch in training.schedule],
        "first": violation.check.get("first"),
    }


def _docstring(violation: Violation) -> str:
    text = str(violation).replace("\\", "\\\\").replace('"""', "'''")
    return "\n".join(line.rstrip() for line in text.splitlines())


def _literal(value: Any) -> str:
    return pformat(value, width=100, compact=True, sort_dicts=False)


def _written(case: Case, name: str, tensor: Tensor) -> dict[str, Any]:
    """Return shape, strides and hex floats; a recipe in place of many floats."""
    shape = {"shape": list(tensor.shape), "strides": list(tensor.strides)}
    size = int(np.prod(tensor.shape, dtype=np.int64))
    if size > WRITTEN_OUT and isinstance(tensor.values, Recipe):
        recipe = tensor.values
        return {**shape, "recipe": [recipe.kind, recipe.seed, recipe.exponent]}
    return {**shape, "values": [written(value) for value in case.arrays[name].ravel().tolist()]}


def _expected(case: Case, implementation: Implementation) -> dict[str, Any]:
    """Return [index, midpoint, radius] per element, of a sample where there are many."""
    result: dict[str, Any] = {}
    for name, enclosure in expected(case, implementation).items():
        places = np.arange(enclosure.mid.size)
        if places.size > WRITTEN_OUT:
            places = np.unique(np.linspace(0, places.size - 1, SAMPLES).astype(int))
        mids, rads = (array.ravel()[places].tolist() for array in (enclosure.mid, enclosure.rad))
        elements = [
            [int(i), written(mid), written(rad), [str(v) for v in may]]
            for i, mid, rad, may in zip(
                places, mids, rads, _allowed(enclosure, places), strict=True
            )
        ]
        result[name] = {"shape": list(enclosure.mid.shape), "elements": elements}
    return result


def _allowed(enclosure: Enclosure, places: npt.NDArray[np.intp]) -> list[list[float]]:
    """Return, for elements by flat index, which of infinities and NaN each may be."""
    if enclosure.mid.dtype != np.float64:
        return [[] for _ in places]
    may = {v: enclosure.contains(np.full(enclosure.mid.shape, v)).ravel() for v in NONFINITE}
    return [[value for value in NONFINITE if may[value][i]] for i in places]
