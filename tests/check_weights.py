#!/usr/bin/env python3
"""check_weights.py WEIGHTS QFILE

Reads a weights file by the rules of safetensors, with nothing but Python's
standard library, and compares the network's outputs with those in QFILE: one
line each, the observation's components, then the Q values. Arithmetic in double.
Exit status 0 if all agree within 1e-5 (relative above 1).
"""
import hashlib
import json
import math
import struct
import sys

TOLERANCE = 1e-5


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), f"duplicate key in {keys}"
    return dict(pairs)


def checksum(metadata, header, data):
    """As include/base/safetensors.h has it."""
    h = hashlib.sha256()
    for key, value in sorted(metadata.items()):
        if key != "dqn_sha256_v2":
            h.update(f"m{key}\0{value}\0".encode())
    for name, t in sorted(header.items()):
        shape = ",".join(map(str, t["shape"]))
        digest = hashlib.sha256(data[slice(*t["data_offsets"])]).hexdigest()
        h.update(f"t{name}\0{t['dtype']}\0{shape}\0{digest}\0".encode())
    return h.hexdigest()


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    (n,) = struct.unpack("<Q", raw[:8])
    assert n % 8 == 0, "data is not aligned"
    text = raw[8 : 8 + n].decode("utf-8")
    assert text[0] == "{", "header does not begin with {"
    header = json.loads(text, object_pairs_hook=no_duplicates)
    data = raw[8 + n :]
    metadata = header.pop("__metadata__")
    assert all(isinstance(v, str) for v in metadata.values())
    assert metadata["dqn_sha256_v2"] == checksum(metadata, header, data)
    tensors, end = {}, 0
    for name, t in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = t["data_offsets"]
        assert t["dtype"] == "F32" and first == end, name
        end = last
        n_values = math.prod(t["shape"])
        assert last - first == 4 * n_values, name
        tensors[name] = (t["shape"], struct.unpack(f"<{n_values}f", data[first:last]))
    assert end == len(data), "bytes behind the last tensor"
    return metadata, tensors


def linear(tensors, name, x):
    (n_out, n_in), w = tensors[f"{name}.weight"]
    shape, b = tensors[f"{name}.bias"]
    assert shape == [n_out] and n_in == len(x), name
    return [
        b[o] + math.fsum(w[o * n_in + i] * x[i] for i in range(n_in)) for o in range(n_out)
    ]


def hidden_layers(tensors):
    """The names of the layers before the last, or before the heads."""
    names = {name.rsplit(".", 1)[0] for name in tensors}
    assert set(tensors) == {f"{n}.{part}" for n in names for part in ("weight", "bias")}
    heads = names & {"value", "advantage"}
    numbers = sorted(int(n) for n in names - heads)
    assert len(heads) in (0, 2) and numbers == list(range(0, 2 * len(numbers), 2)), names
    return [str(n) for n in (numbers if heads else numbers[:-1])]


def forward(metadata, tensors, obs):
    x = [a * b for a, b in zip(obs, json.loads(metadata["obs_scale"]))]
    hidden = hidden_layers(tensors)
    for name in hidden:
        relu = metadata["activation"] == "relu"
        assert relu or metadata["activation"] == "tanh"
        x = [max(v, 0) if relu else math.tanh(v) for v in linear(tensors, name, x)]
    if "value.weight" not in tensors:
        return linear(tensors, 2 * len(hidden), x)
    half = len(x) // 2 if hidden else 0  # without hidden layers both heads see the inputs
    (v,) = linear(tensors, "value", x[:half] if hidden else x)
    a = linear(tensors, "advantage", x[half:])
    return [v + each - math.fsum(a) / len(a) for each in a]


def main():
    metadata, tensors = read(sys.argv[1])
    n_obs = len(json.loads(metadata["obs_scale"]))
    widths = [tensors[f"{name}.bias"][0][0] for name in hidden_layers(tensors)]
    if widths and "value.weight" in tensors:
        widths[-1] //= 2
    arch = ",".join(map(str, widths)) or "none"
    assert metadata["net_arch"] == arch, (metadata["net_arch"], arch)
    assert f"net_arch = {arch}\n" in metadata["config"]
    assert f"id = {metadata['env_id']}\n" in metadata["config"]
    rows = 0
    with open(sys.argv[2]) as f:
        for line in f:
            numbers = [float(word) for word in line.split()]
            for got, want in zip(numbers[n_obs:], forward(metadata, tensors, numbers[:n_obs]),
                                 strict=True):
                assert abs(got - want) <= TOLERANCE * max(1, abs(want)), (line, want)
            rows += 1
    assert rows > 0


main()
