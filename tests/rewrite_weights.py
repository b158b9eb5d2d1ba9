#!/usr/bin/env python3
"""rewrite_weights.py HOW IN OUT: a safetensors file as another program might write it.

HOW is one of the functions below. Python's standard library alone.
"""
import hashlib
import json
import random
import struct
import sys


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    (n,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + n])
    metadata = header.pop("__metadata__")
    data = raw[8 + n :]
    tensors = {k: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])]) for k, t in header.items()}
    return metadata, tensors


def layout(tensors):
    """The entries of the header and the data, in the order of the tensors."""
    entries, data = {}, b""
    for name, (dtype, shape, piece) in tensors.items():
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    return entries, data


def file_of(text, data):
    return struct.pack("<Q", len(text.encode())) + text.encode() + data


def compact(header):
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False)


def shuffled(pairs):
    items = list(pairs.items())
    random.Random(1).shuffle(items)
    return dict(items)


def order(metadata, tensors):
    """Tensors, their data, metadata and the fields of each tensor in another order."""
    entries, data = layout(shuffled(tensors))
    entries = {k: dict(reversed(v.items())) for k, v in shuffled(entries).items()}
    return file_of(compact({**entries, "__metadata__": shuffled(metadata)}), data)


def spaces(metadata, tensors):
    entries, data = layout(tensors)
    return file_of(json.dumps({"__metadata__": metadata, **entries}, indent=4), data)


def padded(metadata, tensors):
    entries, data = layout(tensors)
    return file_of(compact({"__metadata__": metadata, **entries}) + " " * 4321, data)


def escaped(metadata, tensors):
    """Every character of every string as \\uXXXX, as JSON allows."""
    entries, data = layout(tensors)

    def string(s):
        units = s.encode("utf-16-be")
        return '"' + "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)) + '"'

    pairs = ",".join(f"{string(k)}:{string(v)}" for k, v in metadata.items())
    tensors = "".join(f",{string(k)}:{json.dumps(v)}" for k, v in entries.items())
    return file_of('{"__metadata__":{' + pairs + "}" + tensors + "}", data)


def library(metadata, tensors):
    """As the safetensors library has it: sorted by name, blanks up to a multiple of 8."""
    entries, data = layout(dict(sorted(tensors.items())))
    text = compact({"__metadata__": shuffled(metadata), **entries})
    return file_of(text + " " * (-len(text.encode()) % 8), data)


# What a checksum must notice.


def value(metadata, tensors):
    name, (dtype, shape, data) = list(tensors.items())[-1]
    return spaces(metadata, {**tensors, name: (dtype, shape, data[:-1] + bytes([data[-1] ^ 1]))})


def swapped(metadata, tensors):
    """Two tensors of the same size change their contents."""
    by_size = {}
    for name, t in tensors.items():
        by_size.setdefault((t[0], tuple(t[1])), []).append(name)
    a, b = next(names for names in by_size.values() if len(names) > 1)[:2]
    return spaces(metadata, {**tensors, a: tensors[b], b: tensors[a]})


def pair(metadata, tensors):
    return spaces({**metadata, "timesteps": metadata["timesteps"] + "0"}, tensors)


def more(metadata, tensors):
    return spaces({**metadata, "note": ""}, tensors)


def fewer(metadata, tensors):
    return spaces({k: v for k, v in metadata.items() if k != "n_updates"}, tensors)


def moved(metadata, tensors):
    """The end of a key becomes the beginning of its value."""
    return spaces({("n_update" if k == "n_updates" else k): ("s" + v if k == "n_updates" else v)
                   for k, v in metadata.items()}, tensors)


how, source, target = sys.argv[1:]
with open(target, "wb") as out:
    out.write(globals()[how](*read(source)))
