#!/usr/bin/env python3
"""Writes quantized/ beside it: files with weights that are spelled as several tensors, right ones and wrong ones. Needs
nothing but Python 3. A wrong one is named for the rule of SPEC.md that it breaks."""
import json
import os
import shutil
import struct

from files import INFINITY, NAN, safetensors

HERE = os.path.dirname(os.path.abspath(__file__))

# Source: bitsandbytes/functional.py, get_4bit_type.
NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]
STATE = "w.quant_state.bitsandbytes__nf4"


def floats(values, count=None):
    return "F32", [len(values) if count is None else count], struct.pack("<%df" % len(values), *values)


def octets(count, value=0):
    return "U8", [count], bytes([value]) * count


def document(content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return "U8", [len(data)], data


def weight(state=None, **changes):
    """A 4 x 64 weight in NF4. `state` changes members of the state, the others change tensors; None leaves one out."""
    members = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [4, 64], **(state or {})}
    members = {key: value for key, value in members.items() if value is not None}
    tensors = {"w": ("U8", [128, 1], bytes([0x77]) * 128), "w.absmax": floats([1, 2, 3, 4]),
               "w.quant_map": floats(NF4), STATE: document(members)}
    return changed(tensors, changes)


NESTED = {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.5}


def nested(state=None, **changes):
    """The same with double quantization."""
    return weight({**NESTED, **(state or {})}, **{
        "w.absmax": octets(4, 7), "w.nested_absmax": floats([1]),
        "w.nested_quant_map": floats([index / 255 for index in range(256)]), **changes})


EXPERTS = "mlp.experts.down_proj"


def mxfp4(**changes):
    """Two experts of 3 x 64 in MXFP4, all zeros."""
    return changed({EXPERTS + "_blocks": ("U8", [2, 3, 2, 16], bytes(192)),
                    EXPERTS + "_scales": ("U8", [2, 3, 2], bytes([127]) * 12)},
                   {EXPERTS + key: value for key, value in changes.items()})


def int8(**changes):
    """A 4 x 8 weight of LLM.int8."""
    return changed({"l.weight": ("I8", [4, 8], bytes(32)), "l.SCB": floats([1, 1, 1, 1]),
                    "l.weight_format": ("U8", [], b"\0")}, changes)


def changed(tensors, changes):
    return {name: value for name, value in {**tensors, **changes}.items() if value is not None}


def raw(content):
    return {STATE: document(content)}


valid = {"nf4": weight(), "nf4-double-quantized": nested(), "llm-int8": int8()}

hostile = {
    "ST-Q1-two-states": weight(**{"w.quant_state.bitsandbytes__fp4": document({})}),
    "ST-Q1-state-int4": weight(**{STATE: None, "w.quant_state.bitsandbytes__int4": document({})}),
    "ST-Q1-absmax-without-state": weight(**{STATE: None}),
    "ST-Q1-nested-absmax-without-state": nested(**{STATE: None, "w.absmax": None, "w.quant_map": None}),
    "ST-Q2-codes-missing": weight(w=None),
    "ST-Q2-absmax-missing": weight(**{"w.absmax": None}),
    "ST-Q2-map-missing": weight(**{"w.quant_map": None}),
    "ST-Q2-state-not-json": weight(**raw(b"{")),
    "ST-Q2-state-empty": weight(**raw(b"")),
    "ST-Q2-state-list": weight(**raw([])),
    "ST-Q2-state-deep": weight(**raw(b'{"shape": ' + b"[" * 1000 + b"]" * 1000 + b"}")),
    "ST-Q2-state-unknown-key": weight({"surprise": 1}),
    "ST-Q2-state-65537-bytes": weight(**raw(b" " * 65537)),
    "ST-Q2-type-differs": weight({"quant_type": "fp4"}),
    "ST-Q2-blocksize-48": weight({"blocksize": 48}),
    "ST-Q2-blocksize-0": weight({"blocksize": 0}),
    "ST-Q2-blocksize-negative": weight({"blocksize": -64}),
    "ST-Q2-blocksize-2pow62": weight({"blocksize": 1 << 62}),
    "ST-Q2-blocksize-128": weight({"blocksize": 128}),
    "ST-Q2-dtype-unknown": weight({"dtype": "os.system"}),
    "ST-Q2-shape-missing": weight({"shape": None}),
    "ST-Q2-shape-string": weight({"shape": "4x64"}),
    "ST-Q2-shape-negative": weight({"shape": [-4, -64]}),
    "ST-Q2-shape-fraction": weight({"shape": [4, 64.5]}),
    "ST-Q2-shape-wraps": weight({"shape": [1 << 32, 1 << 32]}),
    "ST-Q2-shape-larger": weight({"shape": [1 << 20, 1 << 20]}),
    "ST-Q2-shape-smaller": weight({"shape": [4, 32]}),
    "ST-Q2-codes-short": weight(w=("U8", [127, 1], bytes(127))),
    "ST-Q2-absmax-short": weight(**{"w.absmax": floats([1, 2, 3])}),
    "ST-Q2-absmax-long": weight(**{"w.absmax": floats([1, 2, 3, 4, 5])}),
    "ST-Q2-absmax-u8": weight(**{"w.absmax": octets(4)}),
    "ST-Q2-nested-offset-missing": nested({"nested_offset": None}),
    "ST-Q2-nested-offset-1e999": nested(**raw(
        b'{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[4,64],"nested_blocksize":256,'
        b'"nested_dtype":"float32","nested_offset":1e999}')),
    "ST-Q2-nested-offset-beyond-float": nested({"nested_offset": 1e300}),
    "ST-Q2-nested-blocksize-0": nested({"nested_blocksize": 0}),
    "ST-Q2-nested-dtype": nested({"nested_dtype": "float16"}),
    "ST-Q2-nested-absmax-missing": nested(**{"w.nested_absmax": None}),
    "ST-Q2-nested-absmax-long": nested(**{"w.nested_absmax": floats([1, 1])}),
    "ST-Q2-nested-map-missing": nested(**{"w.nested_quant_map": None}),
    "ST-Q2-nested-absmax-f32-codes": nested(**{"w.absmax": floats([1, 2, 3, 4])}),
    "ST-Q2-int8-scales-short": int8(**{"l.SCB": floats([1, 1, 1])}),
    "ST-Q2-int8-scales-f16": int8(**{"l.SCB": ("F16", [4], bytes(8))}),
    "ST-Q2-int8-format-1": int8(**{"l.weight_format": ("U8", [], b"\1")}),
    "ST-Q2-int8-scales-without-codes": int8(**{"l.weight": None}),
    "ST-Q7-blocks-missing": mxfp4(_blocks=None),
    "ST-Q7-blocks-of-15": mxfp4(_blocks=("U8", [2, 3, 2, 15], bytes(180))),
    "ST-Q7-blocks-flat": mxfp4(_blocks=("U8", [6, 32], bytes(192))),
    "ST-Q7-scales-f32": mxfp4(_scales=floats([1] * 12)),
    "ST-Q7-scales-missing": mxfp4(_scales=None),
    "ST-Q7-scales-of-one-expert": mxfp4(_scales=("U8", [1, 3, 2], bytes(6))),
    "ST-Q3-other-values": weight(**{"w.quant_map": floats(NF4[::-1])}),
    "ST-Q3-15-values": weight(**{"w.quant_map": floats(NF4[:15])}),
    "ST-Q3-map-f16": weight(**{"w.quant_map": ("F16", [16], bytes(32))}),
    "ST-Q3-map-nan": weight(**{"w.quant_map": floats([NAN] + NF4[1:])}),
    "ST-Q3-nested-map-255-values": nested(**{"w.nested_quant_map": floats([0] * 255)}),
    "ST-Q3-nested-map-nan": nested(**{"w.nested_quant_map": floats([NAN] * 256)}),
    "ST-Q3-nested-absmax-infinite": nested(**{"w.nested_absmax": floats([INFINITY])}),
}

for kind, files in (("valid", valid), ("hostile", hostile)):
    target = os.path.join(HERE, "quantized", kind)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    for name, tensors in files.items():
        with open(os.path.join(target, name + ".safetensors"), "wb") as output:
            output.write(safetensors(tensors))
