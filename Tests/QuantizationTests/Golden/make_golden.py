#!/usr/bin/env python3
"""Makes the golden vectors of this folder with the programs whose bytes we promise to give.

    pip install numpy torch bitsandbytes==0.50.2 llama-cpp-python
    python3 make_golden.py

ggml.safetensors comes from libggml-base, built for plain x86-64 (a build for newer processors may fuse multiplications
and additions, and then gives other bytes). It is looked for in the llama_cpp package; `--ggml FILE` names another one.
bitsandbytes.safetensors comes from bitsandbytes on a CPU.

Keys of the first file: `in/<input>`, `importance/<input>` (of its columns), and for each type `q/<type>/<input>/plain`
and `.../weighted` (bytes without and with importance, where the type has both), `valid/...` with a number for each block of
these (0 where ggml refuses it because of a number that is not finite), and `codes/<type>` with `d/<type>` (bytes, half of
them random, and what they decode to).
Keys of the second: `in/<input>`; `<code>/<input>/bs<size>/` with `packed` and `absmax`, and with the double
quantization's `absmax_u8`, `nested_absmax`, `offset` and `absmax_restored`; `deq` for block size 64; the tables
`nf4_code`, `fp4_code` and `dynamic_map`; and `state/<code>/...`, what `QuantState.as_dict(packed=True)` writes.
"""

import argparse
import ctypes
import json
import pathlib
import struct

import numpy as np

FOLDER = pathlib.Path(__file__).parent
GGML_TYPES = {
    "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "q2_k": 10, "q3_k": 11, "q4_k": 12, "q5_k": 13,
    "q6_k": 14, "iq2_xxs": 16, "iq2_xs": 17, "iq3_xxs": 18, "iq1_s": 19, "iq4_nl": 20, "iq3_s": 21, "iq2_s": 22,
    "iq4_xs": 23, "iq1_m": 29, "bf16": 30, "tq1_0": 34, "tq2_0": 35, "mxfp4": 39, "nvfp4": 40, "q1_0": 41, "q2_0": 42}
# Types whose encoders take the importance of columns, those that need it, and those that abort on special values.
WEIGHTED = {
    "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs", "iq1_s", "iq1_m",
    "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s"}
ALWAYS_WEIGHTED = {"iq1_s", "iq2_xxs", "iq2_xs"}
ABORTING = {"iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s"}
BLOCK_SIZES = [32, 64, 128, 256, 512, 1024, 2048, 4096]


def save(path, tensors):
    """Writes a safetensors file."""
    names = {np.dtype(np.float32): "F32", np.dtype(np.uint8): "U8"}
    header, offset = {}, 0
    for key, value in tensors.items():
        header[key] = {
            "dtype": names[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [offset, offset + value.nbytes],
        }
        offset += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def special_rows(columns):
    """Rows that reach every branch: signs, ties, zeros, the ends of F16 and F32."""
    random = np.random.RandomState(7)
    normal = lambda scale: random.standard_normal(columns) * scale
    rows = [
        np.zeros(columns),
        -np.zeros(columns),
        np.full(columns, 0.5),
        np.full(columns, -0.3),
        np.where(np.arange(columns) == 17, 1.0, 0.0),
        np.where(np.arange(columns) == 40, -1.0, -0.0),
        np.linspace(-1, 1, columns),
        np.arange(columns) - columns // 2,
        np.where(np.arange(columns) % 2 == 0, 1, -1),
        np.where(np.arange(columns) % 2 == 0, -1, 1),
        (np.arange(columns) % 31 - 15) / 30,
        (np.arange(columns) % 16 - 8) + 0.5,
        np.abs(normal(1)),
        -np.abs(normal(1)),
        np.where(np.arange(columns) % 5 == 0, -0.0, np.abs(normal(1))),
        np.where(np.arange(columns) % 5 == 0, 0.0, np.abs(normal(1))),
        normal(1e4),
        np.where(np.arange(columns) % 32 == 3, 65504, normal(100)),
        normal(1e-5),
        normal(1e-7),
        normal(1e-12),
        normal(1e-30),
        normal(1e-40),
        normal(1) * 10.0 ** random.uniform(-6, 2, columns),
        np.where(np.arange(columns) % 32 == 9, 50.0, normal(0.02)),
        np.where(random.uniform(size=columns) < 0.9, 0, normal(1)),
        random.standard_t(2, columns),
        np.round(normal(8)) / 8,
        2.0 ** -np.arange(columns),
    ]
    return np.array(rows, np.float32)


def special_superblocks():
    """Rows of 256 values: those above, and what only types of few bits or with superblocks tell apart."""
    random = np.random.RandomState(8)
    signs = random.choice([-1, 1], 256)
    normal = lambda: random.standard_normal(256)
    blocks = lambda values, size: np.repeat(values, size)[:256]

    def below_powers(exponents, places):
        """Blocks of 32 whose largest magnitude lies a few places (of the number before it) below a power of two."""
        peaks = [np.float32(2.0) ** exponent for exponent in exponents]
        for place, count in enumerate(places):
            for _ in range(count):
                peaks[place] = np.nextafter(peaks[place], np.float32(0))
        scaled = blocks(peaks, 32) * random.uniform(-1, 1, 256)
        return np.where(np.arange(256) % 32 == 11, blocks(peaks, 32), scaled)

    # Twice the values of E2M1 and what lies in the middle between them.
    points = np.array([0, 1, 2, 3, 4, 6, 8, 12])
    middles = np.array([0.5, 1.5, 2.5, 3.5, 5, 7, 10])
    rows = [
        random.choice([-1, 0, 1], 256) * 0.37,
        np.where(np.arange(256) % 7 == 0, 3, 1.5) * signs,
        np.where(np.arange(256) % 64 == 5, 0.7, np.float32(0.7) * np.float32(0.5)) * signs,
        np.resize(points, 256) * signs * blocks(2.0 ** np.arange(-8, 8, 2), 32),
        np.resize(np.append(middles, 12), 256) * signs * blocks(2.0 ** np.arange(-7, 9, 2), 32),
        np.resize(np.append(middles, 12), 256) * signs * blocks(np.arange(8, 24) / 64, 16),
        below_powers([2, 3, 5, 9, 17, 33, 65, 127], [0, 1, 2, 5, 11, 22, 44, 44]),
        below_powers([2, 3, 5, 9, 17, 33, 65, 127], [1, 2, 3, 6, 12, 23, 45, 45]),
        below_powers([-1, -2, -4, -8, -16, -32, -64, -124], [0, 1, 2, 5, 11, 22, 44, 44]),
        below_powers([-1, -2, -4, -8, -16, -32, -64, -124], [1, 2, 3, 6, 12, 23, 45, 45]),
        below_powers([-126, -127, -128, -129, -130, -140, -148, -149], [0, 0, 11, 6, 2, 1, 0, 0]),
        normal() * 2.0 ** -126,
        normal() * blocks(2.0 ** np.arange(-40, 40, 5), 16),
        # Scales in the middle between two of E4M3, subnormal ones, and those that are cut off.
        np.where(np.arange(256) % 16 == 3, blocks(6 * (1 + (2 * np.arange(16) + 1) / 16), 16), normal()),
        np.where(np.arange(256) % 16 == 3, blocks(6 * (np.arange(16) + 0.5) / 1024, 16), 0.0001 * normal()),
        np.where(np.arange(256) % 16 == 3, blocks(300 * 2.0 ** np.arange(16), 16), 100 * normal()),
        normal() * 1e30,
        np.where(np.arange(256) % 32 == 3, np.finfo(np.float32).max, normal() * 1e38),
        np.where(np.arange(256) % 128 == 3, 65519.996, normal()),
        np.where(np.arange(256) % 128 == 70, -65520, normal()),
        np.where(np.arange(256) < 128, 0, normal()),
        np.where(np.arange(256) // 16 % 2 == 0, 0, normal()),
        normal() * blocks(np.geomspace(1e-3, 1, 16), 16) + blocks(np.linspace(-1, 1, 8), 32),
        np.exp(normal()) * signs,
    ]
    return np.concatenate([special_rows(256), np.array(rows, np.float32)])


def gaussian(seed, *shape):
    return (np.random.RandomState(seed).standard_normal(shape) * 0.05).astype(np.float32)


class Ggml:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.library.ggml_quantize_chunk.restype = ctypes.c_size_t
        self.library.ggml_quantize_chunk.argtypes = [
            ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64,
            ctypes.c_void_p]
        self.library.ggml_row_size.restype = ctypes.c_size_t
        self.library.ggml_row_size.argtypes = [ctypes.c_int, ctypes.c_int64]
        self.library.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
        self.library.ggml_get_type_traits.argtypes = [ctypes.c_int]

        self.library.ggml_validate_row_data.restype = ctypes.c_bool
        self.library.ggml_validate_row_data.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]

    def encode(self, type_id, values, importance):
        rows, columns = values.shape
        values = np.ascontiguousarray(values)
        out = np.zeros((rows, self.library.ggml_row_size(type_id, columns)), np.uint8)
        written = self.library.ggml_quantize_chunk(
            type_id, values.ctypes.data, out.ctypes.data, 0, rows, columns,
            None if importance is None else importance.ctypes.data)
        assert written == out.nbytes
        return out

    def traits(self, type_id):
        return self.library.ggml_get_type_traits(type_id).contents

    def valid(self, type_id, encoded):
        blocks = encoded.reshape(-1, self.traits(type_id).type_size)
        return np.array(
            [self.library.ggml_validate_row_data(type_id, block.ctypes.data, block.size) for block in blocks], np.uint8)

    def decode(self, type_id, encoded, shape):
        out = np.zeros(shape, np.float32)
        encoded = np.ascontiguousarray(encoded)
        self.traits(type_id).to_float(encoded.ctypes.data, out.ctypes.data, out.size)
        return out


class Traits(ctypes.Structure):
    """ggml_type_traits of ggml.h."""

    _fields_ = [
        ("type_name", ctypes.c_char_p), ("blck_size", ctypes.c_int64), ("blck_size_interleave", ctypes.c_int64),
        ("type_size", ctypes.c_size_t), ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
        ("from_float_ref", ctypes.c_void_p)]


def importances(columns):
    """As activations are: a few columns matter much; some columns have not been seen."""
    random = np.random.RandomState(columns)
    result = random.chisquare(1, columns).astype(np.float32)
    result[random.uniform(size=columns) < 0.02] *= 50
    result[random.uniform(size=columns) < 0.05] = 0
    result[96:128] = 0
    return result


def ggml_vectors(library, inputs):
    ggml = Ggml(library)
    tensors = {f"in/{name}": values for name, values in inputs.items()}
    importance = {name: importances(values.shape[1]) for name, values in inputs.items()}
    tensors.update({f"importance/{name}": values for name, values in importance.items()})
    random = np.random.RandomState(9)
    for type_name, type_id in GGML_TYPES.items():
        kinds = {"plain": type_name not in ALWAYS_WEIGHTED, "weighted": type_name in WEIGHTED}
        for name, values in inputs.items():
            if name == "special" and type_name in ABORTING:
                continue
            for kind in [kind for kind, is_made in kinds.items() if is_made]:
                encoded = ggml.encode(type_id, values, importance[name] if kind == "weighted" else None)
                tensors[f"q/{type_name}/{name}/{kind}"] = encoded
                tensors[f"valid/{type_name}/{name}/{kind}"] = ggml.valid(type_id, encoded)
        some = encoded.reshape(-1)[: ggml.library.ggml_row_size(type_id, 768)]
        codes = np.concatenate([some, random.randint(0, 256, some.size, np.uint8)])
        tensors[f"codes/{type_name}"] = codes
        tensors[f"d/{type_name}"] = ggml.decode(type_id, codes, 2 * 768)
    return tensors


def bitsandbytes_vectors(inputs):
    import torch
    from bitsandbytes import functional

    tensors = {f"in/{name}": values for name, values in inputs.items()}
    for code in ["nf4", "fp4"]:
        tensors[f"{code}_code"] = functional.get_4bit_type(code, device="cpu").numpy()
        for name, values in inputs.items():
            for size in BLOCK_SIZES:
                packed, state = functional.quantize_4bit(
                    torch.from_numpy(values), blocksize=size, quant_type=code, compress_statistics=False)
                _, nested = functional.quantize_4bit(
                    torch.from_numpy(values), blocksize=size, quant_type=code, compress_statistics=True)
                restored = functional.dequantize_blockwise(nested.absmax, nested.state2) + nested.offset
                key = f"{code}/{name}/bs{size}/"
                tensors[key + "packed"] = packed.numpy().reshape(-1)
                tensors[key + "absmax"] = state.absmax.numpy()
                tensors[key + "absmax_u8"] = nested.absmax.numpy()
                tensors[key + "nested_absmax"] = nested.state2.absmax.numpy()
                tensors[key + "offset"] = nested.offset.numpy().reshape(1)
                tensors[key + "absmax_restored"] = restored.numpy()
                if size == 64:
                    # The CPU kernel for AVX-512 is wrong for rows shorter than a block, so this is the definition.
                    table = tensors[f"{code}_code"]
                    pairs = packed.numpy().reshape(-1)
                    codes = np.stack([pairs >> 4, pairs & 15], axis=1).reshape(-1)[: values.size]
                    scales = np.repeat(state.absmax.numpy(), size)[: values.size]
                    tensors[key + "deq"] = table[codes] * scales
                    for kind, quant_state in [("plain", state), ("nested", nested)]:
                        for part, value in quant_state.as_dict(packed=True).items():
                            if part.startswith("quant_state."):
                                tensors[f"state/{code}/{name}/{kind}"] = value.numpy()
    tensors["dynamic_map"] = functional.create_dynamic_map().numpy()
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ggml", type=pathlib.Path, help="libggml-base.so")
    parser.add_argument("--only", choices=["ggml", "bitsandbytes"], help="make one of the files")
    options = parser.parse_args()
    library = options.ggml
    if options.only != "bitsandbytes":
        if library is None:
            import importlib.util

            package = importlib.util.find_spec("llama_cpp")
            library = pathlib.Path(package.origin).parent / "lib" / "libggml-base.so"
        inputs = {"special": special_superblocks(), "gauss": gaussian(1, 3, 512)}
        save(FOLDER / "ggml.safetensors", ggml_vectors(library, inputs))
    if options.only != "ggml":
        inputs = {"odd_3x2829": gaussian(2, 3, 2829), "special": special_rows(64)}
        save(FOLDER / "bitsandbytes.safetensors", bitsandbytes_vectors(inputs))


if __name__ == "__main__":
    main()
