"""How a standalone script makes its call in a mode: the functions that it defines anew.

The script's own `around`, `forward`, `handed_over`, `learning`, `layer_of`, `make` and `gradients`
are the plain call (see script.py.template); the source here takes the place of some of them. What
the worker does in the same mode is in `properties.modes` and `properties.layers`.
"""

from __future__ import annotations

_FORWARD = """\
def forward(torch):
    return torch.{context}()


def learning(t):
    real = t["input"].is_floating_point() or t["input"].is_complex()
    return [name for name in ("input", "weight", "bias") if name in t and real]
"""
_SWITCHED = """\
@contextlib.contextmanager
def around(torch, t):
    before = {get}
    {on}
    yield
    {off}
"""
_ACCUMULATED = """\
def gradients(torch, output, leaves, upstream):
    {backward}
    return [leaf.grad for leaf in leaves]
"""
_COMPILED = """\
def make(torch, run, t):
    torch._dynamo.reset()
    return torch.compile(run, backend="{backend}", dynamic=False)(t["input"])
"""
_USED = """\
def used(torch, new, t):
    zeros = {n: torch.zeros_like(t[n]) for n in ("weight", "bias") if n in t}
    layer = filled(torch, new(t["weight"].dtype), zeros)
    with torch.no_grad():
        layer(t["input"].detach())
    return layer


"""
_BOUND = """\
def parameters(torch, run, t):
    own = dict(run.named_parameters()) if isinstance(run, torch.nn.Module) else t
    return {n: own[n] for n in ("weight", "bias") if n in own}


def bound(torch, run, t, own):
    if isinstance(run, torch.nn.Module):
        return lambda x: torch.func.functional_call(run, own, (x,))
    return operation(torch, {**t, **own})[0]


def halves(torch, found):
    half = found.shape[-3] // 2
    return torch.cat([found[0, ..., :half, :, :], found[1, ..., half:, :, :]], -3)


"""
_PARAMETERS = '{n: t[n] for n in ("weight", "bias") if n in t}'

SNIPPETS: dict[str, str] = {
    "eager": "",
    "int-arguments": "",  # the arguments themselves are written so
    "no_grad": _FORWARD.format(context="no_grad"),
    "inference_mode": _FORWARD.format(context="inference_mode"),
    "backward": _ACCUMULATED.format(backward="output.backward(upstream)"),
    "sum-backward": _ACCUMULATED.format(backward="output.sum().backward()"),
    "retain-graph": """\
def gradients(torch, output, leaves, upstream):
    torch.autograd.grad(output, leaves, upstream, retain_graph=True)
    return torch.autograd.grad(output, leaves, upstream)
""",
    "checkpoint": """\
def make(torch, run, t):
    from torch.utils.checkpoint import checkpoint

    return checkpoint(run, t["input"], use_reentrant=False)
""",
    "threads": _SWITCHED.format(
        get="torch.get_num_threads()",
        on="torch.set_num_threads((4, 3, 2, 5)[t['input'].numel() % 4])",
        off="torch.set_num_threads(before)",
    ),
    "deterministic": _SWITCHED.format(
        get="torch.are_deterministic_algorithms_enabled()",
        on="torch.use_deterministic_algorithms(True)",
        off="torch.use_deterministic_algorithms(before)",
    ),
    "onednn-off": _SWITCHED.format(
        get="torch._C._get_mkldnn_enabled()",
        on="torch._C._set_mkldnn_enabled(False)",
        off="torch._C._set_mkldnn_enabled(before)",
    ),
    "benchmark": _SWITCHED.format(
        get="torch.backends.cudnn.benchmark",
        on="torch.backends.cudnn.benchmark = True",
        off="torch.backends.cudnn.benchmark = before",
    ),
    "autocast": """\
def forward(torch):
    return torch.autocast(torch.device(DEVICE).type, getattr(torch, DTYPE))


def handed_over(torch, t):
    return {n: v if n == "grad_output" else v.float() for n, v in t.items()}


def gradients(torch, output, leaves, upstream):
    return [g.to(output.dtype) for g in torch.autograd.grad(output, leaves, upstream)]
""",
    "stream": """\
@contextlib.contextmanager
def around(torch, t):
    stream, outer = torch.cuda.Stream(), torch.cuda.current_stream()
    stream.wait_stream(outer)
    with torch.cuda.stream(stream):
        yield
    outer.wait_stream(stream)


def handed_over(torch, t):
    # Written late on the new stream: what runs on another one reads NaN.
    copies = {n: torch.full_like(v, float("nan")) for n, v in t.items()}
    torch.cuda.synchronize()
    torch.cuda._sleep(20_000_000)
    return {n: copies[n].copy_(v) for n, v in t.items()}
""",
    "vmap-input": """\
def make(torch, run, t):
    return torch.vmap(run)(t["input"])
""",
    "vmap-weight": f"""\
{_BOUND}def make(torch, run, t):
    x, own = t["input"], parameters(torch, run, t)
    if isinstance(run, torch.nn.Module) or ARGUMENTS["groups"] > 1:
        two = {{n: v.unsqueeze(1).expand(-1, 2, *v.shape[1:]) for n, v in own.items()}}
        return halves(torch, torch.vmap(lambda named: bound(torch, run, t, named)(x), 1)(two))
    one = torch.vmap(lambda named: bound(torch, run, t, named)(x))
    return one({{n: v.unsqueeze(1) for n, v in own.items()}}).squeeze(-3).movedim(0, -3)
""",
    "vmap-bias": f"""\
{_BOUND}def make(torch, run, t):
    own = parameters(torch, run, t)
    one = torch.vmap(lambda bias: bound(torch, run, t, {{**own, "bias": bias}})(t["input"]))
    return halves(torch, one(own["bias"].expand(2, -1)))
""",
    "vmap-all": f"""\
{_BOUND}def make(torch, run, t):
    own, x = parameters(torch, run, t), t["input"]
    several = {{n: v.expand(len(x), *v.shape) for n, v in own.items()}}
    return torch.vmap(lambda x, named: bound(torch, run, t, named)(x))(x, several)
""",
    "functional_call": f"""\
def layer_of(torch, new, t):
    return new(t["weight"].dtype)


def make(torch, run, t):
    own = {_PARAMETERS}
    return torch.func.functional_call(run, own, (t["input"],))
""",
    "eval": """\
def layer_of(torch, new, t):
    return filled(torch, new(t["weight"].dtype), t).eval()
""",
    "state_dict": f"""\
{_USED}def layer_of(torch, new, t):
    layer = used(torch, new, t)
    layer.load_state_dict(filled(torch, new(t["weight"].dtype), t).state_dict())
    return layer
""",
    "deepcopy": f"""\
{_USED}def layer_of(torch, new, t):
    import copy

    twin = copy.deepcopy(used(torch, new, t))
    with torch.no_grad():
        for n, value in {_PARAMETERS}.items():
            getattr(twin, n).copy_(value)
    return twin
""",
    "pickle": """\
def layer_of(torch, new, t):
    import pickle

    layer = filled(torch, new(t["weight"].dtype), t)
    with torch.no_grad():
        layer(t["input"].detach())
    return pickle.loads(pickle.dumps(layer))
""",
    "to-dtype": """\
def layer_of(torch, new, t):
    dtype = t["weight"].dtype
    wide = torch.complex128 if dtype.is_complex else torch.float64
    layer = filled(torch, new(wide), {n: v.detach().to(wide) for n, v in t.items()})
    with torch.no_grad():
        layer(t["input"].detach().to(wide))
    return layer.to(dtype)
""",
    "to-device": """\
def layer_of(torch, new, t):
    layer = new(t["weight"].dtype).to("cpu")
    return filled(torch, layer, {n: v.detach().cpu() for n, v in t.items()}).to(DEVICE)
""",
    "to-memory_format": """\
def layer_of(torch, new, t):
    plain = {n: v.detach().contiguous() for n, v in t.items()}
    layer = filled(torch, new(t["weight"].dtype), plain)
    return layer.to(memory_format=torch.channels_last)
""",
    "lazy": """\
def layer_of(torch, new, t):
    weight = t["weight"]
    layer = torch.nn.LazyConv2d(
        weight.shape[0], tuple(weight.shape[2:]), bias="bias" in t, device=DEVICE,
        dtype=weight.dtype, **ARGUMENTS,
    )
    with torch.no_grad():
        layer(t["input"].detach())
    return filled(torch, layer, t)
""",
    "compile": _COMPILED.format(backend="aot_eager"),
    "compile-inductor": _COMPILED.format(backend="inductor"),
}
