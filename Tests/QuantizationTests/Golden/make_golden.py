#!/usr/bin/env python3
"""Makes the golden vectors of this folder with the programs whose bytes we promise to give.

    pip install numpy torch bitsandbytes==0.50.2 llama-cpp-python
    python3 make_golden.py

ggml.safetensors comes from libggml-base, built for plain x86-64 (a build for newer processors may fuse multiplications
and additions, and then gives other bytes). It is looked for in the llama_cpp package; `--ggml FILE` names another one.
bitsandbytes.safetensors comes from bitsandbytes on a CPU.

Keys of the first file: `in/<input>`, and for each type `q/<type>/<input>` (bytes) and `d/<type>/<input>` (decoded).
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
GGML_TYPES = {"f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}
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


def special_rows():
    """Rows of 64 values that reach every branch: signs, ties, zeros, the ends of F16 and F32."""
    random = np.random.RandomState(7)
    normal = lambda scale: random.standard_normal(64) * scale
    rows = [
        np.zeros(64),
        -np.zeros(64),
        np.full(64, 0.5),
        np.full(64, -0.3),
        np.where(np.arange(64) == 17, 1.0, 0.0),
        np.where(np.arange(64) == 40, -1.0, -0.0),
        np.linspace(-1, 1, 64),
        np.arange(64) - 32,
        np.where(np.arange(64) % 2 == 0, 1, -1),
        np.where(np.arange(64) % 2 == 0, -1, 1),
        (np.arange(64) % 31 - 15) / 30,
        (np.arange(64) % 16 - 8) + 0.5,
        np.abs(normal(1)),
        -np.abs(normal(1)),
        np.where(np.arange(64) % 5 == 0, -0.0, np.abs(normal(1))),
        np.where(np.arange(64) % 5 == 0, 0.0, np.abs(normal(1))),
        normal(1e4),
        np.where(np.arange(64) % 32 == 3, 65504, normal(100)),
        normal(1e-5),
        normal(1e-7),
        normal(1e-12),
        normal(1e-30),
        normal(1e-40),
        normal(1) * 10.0 ** random.uniform(-6, 2, 64),
        np.where(np.arange(64) % 32 == 9, 50.0, normal(0.02)),
        np.where(random.uniform(size=64) < 0.9, 0, normal(1)),
        random.standard_t(2, 64),
        np.round(normal(8)) / 8,
        2.0 ** -np.arange(64),
    ]
    return np.array(rows, np.float32)


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

    def encode(self, type_id, values):
        rows, columns = values.shape
        values = np.ascontiguousarray(values)
        out = np.zeros((rows, self.library.ggml_row_size(type_id, columns)), np.uint8)
        written = self.library.ggml_quantize_chunk(
            type_id, values.ctypes.data, out.ctypes.data, 0, rows, columns, None)
        assert written == out.nbytes
        return out

    def decode(self, type_id, encoded, shape):
        out = np.zeros(shape, np.float32)
        encoded = np.ascontiguousarray(encoded)
        self.library.ggml_get_type_traits(type_id).contents.to_float(encoded.ctypes.data, out.ctypes.data, out.size)
        return out


class Traits(ctypes.Structure):
    """ggml_type_traits of ggml.h."""

    _fields_ = [
        ("type_name", ctypes.c_char_p), ("blck_size", ctypes.c_int64), ("blck_size_interleave", ctypes.c_int64),
        ("type_size", ctypes.c_size_t), ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
        ("from_float_ref", ctypes.c_void_p)]


def ggml_vectors(library, inputs):
    ggml = Ggml(library)
    tensors = {f"in/{name}": values for name, values in inputs.items()}
    for type_name, type_id in GGML_TYPES.items():
        for name, values in inputs.items():
            encoded = ggml.encode(type_id, values)
            tensors[f"q/{type_name}/{name}"] = encoded
            tensors[f"d/{type_name}/{name}"] = ggml.decode(type_id, encoded, values.shape)
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
    library = parser.parse_args().ggml
    if library is None:
        import importlib.util

        package = importlib.util.find_spec("llama_cpp")
        library = pathlib.Path(package.origin).parent / "lib" / "libggml-base.so"
    special = special_rows()
    save(FOLDER / "ggml.safetensors", ggml_vectors(library, {"special": special, "gauss_2x256": gaussian(1, 2, 256)}))
    save(
        FOLDER / "bitsandbytes.safetensors",
        bitsandbytes_vectors({"odd_3x2829": gaussian(2, 3, 2829), "special": special}))


if __name__ == "__main__":
    main()
