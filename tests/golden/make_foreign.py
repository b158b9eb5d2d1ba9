"""Weights as other frameworks name and store them, and PyTorch's Q values: foreign/*.safetensors
and foreign.txt. No framework is needed to write the files: a safetensors file is a length, a
header in JSON and the values.

    python3 tests/golden/make_foreign.py       # in the repository
"""
import json
import os
import struct
import sys

import numpy as np
import torch
from torch import nn

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(19)
torch.set_num_threads(1)
types = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def save(name, tensors):
    header, data = {}, b""
    for key in sorted(tensors):  # as the library sorts them
        t = tensors[key].detach().contiguous()
        raw = t.view(torch.int16) if t.dtype == torch.bfloat16 else t
        raw = raw.numpy().tobytes()
        header[key] = {"dtype": types[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{here}/foreign/{name}.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def mlp(*sizes, act=nn.ReLU, last_act=False, bias=True):
    layers = []
    for i in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[i], sizes[i + 1], bias=bias), act()]
    return nn.Sequential(*(layers if last_act else layers[:-1]))


def named(net, prefix):
    return {prefix + k: v for k, v in net.state_dict().items()}


class Dueling(nn.Module):
    def __init__(self, trunk, q, v):
        super().__init__()
        self.trunk, self.q, self.v = trunk, q, v

    def forward(self, x):
        x = self.trunk(x)
        q = self.q(x)
        return q - q.mean(dim=1, keepdim=True) + self.v(x)


def jax_names(net, layer):  # kernels are (in, out)
    tensors = {}
    for i, m in enumerate(m for m in net if isinstance(m, nn.Linear)):
        tensors[layer(i, "kernel")] = m.weight.t()
        tensors[layer(i, "bias")] = m.bias
    return tensors


cases = []


def case(name, net, tensors, activation="relu", rounded=None):
    """rounded: the type that the values are stored in; Q values are those of the rounded ones."""
    if rounded:
        tensors = {k: v.to(rounded) for k, v in tensors.items()}
        net.to(rounded)
        net.to(torch.float32)
    save(name, tensors)
    cases.append((name, activation, net))


os.makedirs(f"{here}/foreign", exist_ok=True)
net = mlp(4, 8, 8, 2)
case("sb3", net, {**named(net, "q_net.q_net."), **named(mlp(4, 8, 8, 2), "q_net_target.q_net.")})
net = mlp(4, 12, 8, 2)
case("cleanrl", net, named(net, "network."))
net = mlp(4, 6, 6, 6, 2)
case("tianshou", net, {**named(net, "model.model.model."), **named(mlp(4, 6, 6, 6, 2), "model_old.model.model.")})
net = Dueling(mlp(4, 8, last_act=True), mlp(8, 6, 2), mlp(8, 6, 1))
case("tianshou_dueling", net, {p + k: v for p in ("model.", "model_old.") for k, v in
     {**named(net.trunk, "model.model."), **named(net.q, "Q.model."), **named(net.v, "V.model.")}.items()})
net = Dueling(mlp(4, 7, 5, last_act=True, act=nn.Tanh), nn.Linear(5, 2), nn.Linear(5, 1))
case("heads", net, {**named(net.trunk, "features."), **named(net.q, "advantage_head."), **named(net.v, "value_head.")}, "tanh")
net = mlp(4, 8, 8, 2)
case("compiled_ddp", net.double(), named(net, "module._orig_mod.network."), rounded=torch.float64)
net = mlp(4, 8, 8, 2)
case("half", net, named(net, ""), rounded=torch.float16)
net = mlp(4, 8, 8, 2)
case("bfloat", net, named(net, ""), rounded=torch.bfloat16)
net = mlp(4, 8, 8, 8, 8, 8, 2)  # 0, 2, 4, 6, 8, 10: not in the order of text
case("torch", net, {**named(net, "layers."), "steps": torch.tensor(5)})
net = mlp(4, 9, 3, 2, act=nn.Tanh)
case("attributes", net, {f"{n}.{k}": v for n, m in zip(("input", "hidden", "output"), net[::2])
                         for k, v in m.state_dict().items()}, "tanh")
net = mlp(4, 8, 8, 2, act=nn.Tanh)
case("keras", net, jax_names(net, lambda i, k: f"sequential/dense{'_%d' % i if i else ''}/{k}"), "tanh")
net = mlp(4, 8, 8, 2)
case("keras2", net, jax_names(net, lambda i, k: f"dense_{i + 9}/{k}:0"))
net = mlp(4, 8, 8, 2)
case("flax", net, jax_names(net, lambda i, k: f"params.Dense_{i}.{k}"))
net = mlp(4, 8, 2, bias=False)
case("no_bias", net, named(net, "q."))
net = mlp(4, 2)
case("linear", net, named(net, "fc."))

with open(f"{here}/foreign.txt", "w") as f:
    print(f"# torch {torch.__version__}, numpy {np.__version__}. Per file of foreign/: 'file NAME ACTIVATION', then", file=f)
    print("# observations of CartPole-v1 and PyTorch's Q values for them, float32, a line each.", file=f)
    for name, activation, net in cases:
        print("file", name, activation, file=f)
        obs = torch.empty(6, 4).uniform_(-3, 3)
        with torch.no_grad():
            q = net.float()(obs)
        for row in torch.cat([obs, q], 1).tolist():
            print(*(f"{np.float32(x):.9g}" for x in row), file=f)
print(f"{len(cases)} files", file=sys.stderr)
