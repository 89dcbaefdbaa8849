#!/usr/bin/env python3
"""Makes groups.safetensors: what libraries round weights to, without calibration, on a processor.

    python3 make_group_encoders.py LIBRARY

with the packages that `Tests/Fixtures/Layouts/requirements-*.txt` list: `mlx` (mlx), `compressed-tensors`, `gptqmodel` (gptq),
`autoawq` (awq), `bitsandbytes`, `transformers` (fp8) or `modelopt`. It replaces what the file has of that library; `inputs`
makes the file anew with the weights alone.

Keys: `in/<type>`, a weight as each type of elements holds it, as F32; and `<library>/<rounding>/<type>/` with `codes` (a byte
each), `scales`, where there are any `offsets` (zeros or biases) and `number` (that of the whole tensor), and `valid` where
the library spoils codes that it does not clamp.
"""

import json
import os
import pathlib
import struct
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("GPTQMODEL_DISABLE_PACK_EXT", "1")
os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "3")

import numpy as np

PATH = pathlib.Path(__file__).parent / "groups.safetensors"
ROWS, COLUMNS = 16, 128
TYPES = ("f32", "f16", "bf16")


def read():
    data = PATH.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for key, entry in json.loads(data[8 : 8 + length]).items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        kind = {"F32": np.float32, "U8": np.uint8}[entry["dtype"]]
        tensors[key] = np.frombuffer(data[start:end], kind).reshape(entry["shape"])
    return tensors


def save(tensors):
    header, offset = {}, 0
    for key in sorted(tensors):
        array = tensors[key]
        kind = {np.dtype(np.float32): "F32", np.dtype(np.uint8): "U8"}[array.dtype]
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    PATH.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensors[key].tobytes() for key in sorted(tensors)))


def inputs():
    random = np.random.default_rng(20261128)
    values = 0.05 * random.standard_normal((ROWS, COLUMNS)) * np.exp(0.5 * random.standard_normal((ROWS, 1)))
    values = values.astype(np.float32)
    column = np.arange(COLUMNS)
    # What encoders stumble over: zeros, one value, one sign, a large value, ties of every format, tiny and large values.
    values[0] = 0
    values[1] = 0.125
    values[2] = np.abs(values[2])
    values[3] = -np.abs(values[3])
    values[4, 5] = 8
    values[5] = (column % 16 - 7.5) / 16
    values[6] *= 1e-6
    values[7, 32:64] = 0
    values[7, ::3] = -0.0
    values[8] = np.where(column % 2 == 0, 1.0, -1.0)
    values[9] = np.array([6, 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5, -0.25, -0.75, -1.25, -1.75, -2.5, -3.5, -5, -6])[column % 16]
    values[10] = 448 * (column % 65 - 32) / 32
    values[11] = random.integers(-127, 128, COLUMNS)
    values[12] = column % 16
    values[13] *= 1e3
    values[14] *= 1e-3
    bits = values.view(np.uint32)
    brain = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)
    return {"in/f32": values, "in/f16": values.astype(np.float16).astype(np.float32), "in/bf16": brain}


def result(codes, scales, offsets=None, number=None, valid=None):
    parts = {"codes": codes, "scales": scales, "offsets": offsets, "number": number, "valid": valid}
    whole = {"codes": np.uint8, "valid": np.uint8}
    found = {}
    for name, part in parts.items():
        if part is not None:
            part = part.detach().float().numpy() if hasattr(part, "detach") and name not in whole else np.asarray(part)
            found[name] = np.ascontiguousarray(part, whole.get(name, np.float32)).reshape(-1)
    return found


def codes_of(words, bits):
    """Streams of bits along rows of words."""
    stream = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")
    return (stream.reshape(len(words), -1, bits) << np.arange(bits)).sum(-1)


def pairs(packed):
    packed = np.asarray(packed)
    return np.stack((packed & 15, packed >> 4), -1).reshape(len(packed), -1)


def powers(exponents):
    return np.ldexp(np.float32(1), np.asarray(exponents).astype(int) - 127)


def torch_types():
    import torch

    torch.set_num_threads(1)
    return {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def mlx(values, kind):
    import mlx.core as mx

    weight = mx.array(values).astype({"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16}[kind])
    plain = lambda array: np.array(array.astype(mx.float32))
    for bits, group in ((2, 32), (3, 64), (4, 64), (4, 32), (5, 128), (6, 32), (8, 64)):
        words, scales, biases = mx.quantize(weight, group_size=group, bits=bits)
        yield f"affine-{bits}-{group}", result(codes_of(np.array(words), bits), plain(scales), plain(biases))
    for mode, bits in (("mxfp4", 4), ("mxfp8", 8)):
        words, scales = mx.quantize(weight, mode=mode)
        yield mode, result(codes_of(np.array(words), bits), powers(scales))
    words, scales = mx.quantize(weight, mode="nvfp4")
    yield "nvfp4", result(codes_of(np.array(words), 4), plain(mx.from_fp8(scales, mx.float32)))


def compressed_tensors(values, kind):
    import torch
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.lifecycle.initialize import initialize_module_for_quantization
    from compressed_tensors.quantization.quant_scheme import preset_name_to_scheme
    from llmcompressor.modifiers.quantization.calibration import initialize_observer, observe, update_qparams

    weight = torch.from_numpy(values.copy()).to(torch_types()[kind])

    def compress(layout, scheme=None, **arguments):
        scheme = scheme or QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**arguments))
        module = torch.nn.Linear(COLUMNS, ROWS, bias=False, dtype=weight.dtype)
        module.weight.data, module.quantization_scheme = weight.clone(), scheme
        initialize_module_for_quantization(module, scheme)
        initialize_observer(module, "weight")
        observe(module, "weight")
        update_qparams(module, "weight")
        state = {name: part.data for name, part in module.named_parameters()}
        return BaseCompressor.get_value_from_registry(layout).compress(state, scheme)

    def packed(bits, **arguments):
        state = compress("pack-quantized", num_bits=bits, type="int", **arguments)
        middle = 2 ** (bits - 1)
        zeros = state.get("weight_zero_point")
        if zeros is None:
            zeros = torch.full(state["weight_scale"].shape, middle)
        else:
            zeros = unpack_from_int32(zeros, bits, state["weight_scale"].shape, packed_dim=0).int() + middle
        codes = unpack_from_int32(state["weight_packed"], bits, torch.Size(values.shape)).int() + middle
        return result(codes, state["weight_scale"], zeros)

    def whole(layout, **arguments):
        state = compress(layout, num_bits=8, **arguments)
        return result(state["weight"].view(torch.uint8), state["weight_scale"], state.get("weight_zero_point"))

    yield "int4-32", packed(4, strategy="group", group_size=32)
    yield "int4-32-zeros", packed(4, strategy="group", group_size=32, symmetric=False)
    yield "int3-64-zeros", packed(3, strategy="group", group_size=64, symmetric=False)
    yield "int8-row", packed(8, strategy="channel")
    yield "int8-row-zeros", packed(8, strategy="channel", symmetric=False)
    yield "signed-row", whole("int-quantized", type="int", strategy="channel")
    yield "signed-row-zeros", whole("int-quantized", type="int", strategy="channel", symmetric=False)
    yield "signed-tensor", whole("int-quantized", type="int", strategy="tensor")
    yield "float8-row", whole("float-quantized", type="float", strategy="channel")
    yield "float8-tensor", whole("float-quantized", type="float", strategy="tensor")
    yield "float8-block", whole("float-quantized", type="float", strategy="block", block_structure=[6, 48])
    state = compress("mxfp4-pack-quantized", preset_name_to_scheme("MXFP4A16", ["Linear"]))
    yield "mxfp4", result(pairs(state["weight_packed"]), powers(state["weight_scale"]))
    state = compress("mxfp8-quantized", preset_name_to_scheme("MXFP8A16", ["Linear"]))
    yield "mxfp8", result(state["weight"].view(torch.uint8), powers(state["weight_scale"]))
    state = compress("nvfp4-pack-quantized", preset_name_to_scheme("NVFP4A16", ["Linear"]))
    yield "nvfp4", result(pairs(state["weight_packed"]), state["weight_scale"], number=state["weight_global_scale"])


def gptqmodel(values, kind):
    import torch
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.nn_modules.qlinear.torch_awq import AwqTorchLinear
    from gptqmodel.quantization.awq.utils.packing_utils import reverse_awq_order, unpack_awq
    from gptqmodel.quantization.config import RTNConfig
    from gptqmodel.quantization.rtn import RTN

    # It packs 32 rows at least.
    weight = torch.nn.functional.pad(torch.from_numpy(values.copy()), (0, 0, 0, 32 - ROWS)).to(torch_types()[kind])

    def rounded(module, bits, group, symmetric):
        linear = torch.nn.Linear(COLUMNS, 32, bias=False, dtype=weight.dtype)
        linear.weight.data = weight.clone()
        values, scales, zeros, indices, *_ = RTN(linear, RTNConfig(bits=bits, group_size=group, sym=symmetric)).quantize()
        linear.weight.data = values
        packer = module(
            bits=bits, group_size=group, sym=symmetric, desc_act=False, in_features=COLUMNS, out_features=32, bias=False,
            pack_dtype=torch.int32, register_buffers=False)
        return linear, packer, scales, zeros, indices

    for bits, group, symmetric in ((2, 32, False), (3, -1, True), (4, 64, True), (4, 32, False), (8, 128, False)):
        linear, packer, scales, zeros, indices = rounded(TorchLinear, bits, group, symmetric)
        packer.pack_original(linear, scales, zeros, indices)
        codes = codes_of(packer.qweight.T.numpy(), bits)[:ROWS]
        name = f"{bits}-{group if group > 0 else 'row'}" + ("" if symmetric else "-zeros")
        yield name, result(codes, packer.scales.T[:ROWS], zeros[:ROWS] + 0)
    linear, packer, scales, zeros, _ = rounded(AwqTorchLinear, 4, 32, False)
    packer.pack(linear, scales, zeros)
    codes, stored = reverse_awq_order(*unpack_awq(packer.qweight, packer.qzeros, 4), 4)
    stretch = lambda numbers: numbers.repeat_interleave(32, 1)
    steps = torch.round((linear.weight + stretch(zeros * scales)) / stretch(packer.scales.T))
    valid = (steps >= 0) & (steps <= 15)
    yield "awq-32-zeros", result((codes & 15).T[:ROWS], packer.scales.T[:ROWS], (stored & 15).T[:ROWS], valid=valid[:ROWS])


def autoawq(values, kind):
    import torch
    from awq.modules.linear.gemm import WQLinear_GEMM
    from awq.quantize.quantizer import AwqQuantizer
    from awq.utils.packing_utils import reverse_awq_order, unpack_awq

    for group in (32, 128):
        quantizer = AwqQuantizer.__new__(AwqQuantizer)
        quantizer.group_size, quantizer.zero_point, quantizer.w_bit = group, True, 4
        # It packs 32 rows at least.
        linear = torch.nn.Linear(COLUMNS, 32, bias=False)
        linear.weight.data = torch.nn.functional.pad(torch.from_numpy(values.copy()), (0, 0, 0, 32 - ROWS)).to(torch_types()[kind])
        linear = linear.half()
        linear.weight.data, scales, zeros = quantizer.pseudo_quantize_tensor(linear.weight.data)
        packed = WQLinear_GEMM.from_linear(linear, 4, group, False, scales.t().contiguous(), zeros.t().contiguous())
        codes, zeros = reverse_awq_order(*unpack_awq(packed.qweight, packed.qzeros, 4), 4)
        yield f"4-{group}", result((codes & 15).T[:ROWS], packed.scales.T[:ROWS], (zeros & 15).T[:ROWS])


def bitsandbytes(values, kind):
    import torch
    from bitsandbytes.nn import Int8Params

    weight = torch.from_numpy(values.copy()).to(torch_types()[kind])
    made = Int8Params(weight, requires_grad=False, has_fp16_weights=False).to("cpu")
    yield "int8", result(made.CB.view(torch.uint8), made.SCB)


def transformers(values, kind):
    from types import SimpleNamespace

    import torch
    from transformers import FineGrainedFP8Config
    from transformers.integrations.finegrained_fp8 import Fp8Quantize

    weight = torch.from_numpy(values.copy()).to(torch_types()[kind])
    for name, block, scale_format in (
        ("block", (8, 64), "float"), ("row", (1, COLUMNS), "float"), ("tensor", None, "float"), ("powers", (4, 32), "ue8m0"),
    ):
        config = FineGrainedFP8Config(weight_block_size=block, scale_fmt=scale_format)
        made = Fp8Quantize(SimpleNamespace(quantization_config=config))._quantize_one("x.weight", weight)
        yield name, result(made["x.weight"].view(torch.uint8), made["x.weight_scale_inv"])


def modelopt(values, kind):
    import torch
    from modelopt.torch import quantization
    from modelopt.torch.export.quant_utils import (
        get_quantization_format, get_weight_scaling_factor, get_weight_scaling_factor_2, to_quantized_weight)

    def rounded(config, block=None):
        module = torch.nn.Linear(COLUMNS, ROWS, bias=False).to(torch_types()[kind])
        module.weight.data = torch.from_numpy(values.copy()).to(module.weight.dtype)
        model = torch.nn.Sequential(module)
        quantization.quantize(model, config, lambda model: model(torch.ones(1, COLUMNS, dtype=module.weight.dtype)))
        scales, number = get_weight_scaling_factor(module), get_weight_scaling_factor_2(module)
        # As the exporter hands them on: one number has no axis.
        shaped = scales.squeeze() if scales.numel() == 1 else scales
        codes = to_quantized_weight(module.weight.data.clone(), shaped, get_quantization_format(module), number, block)
        return codes, scales, number

    codes, scales, number = rounded(quantization.W4A16_NVFP4_CFG, 16)
    yield "nvfp4", result(pairs(codes), scales, number=number)
    codes, scales, _ = rounded(quantization.MXFP8_DEFAULT_CFG)
    yield "mxfp8", result(codes.view(torch.uint8), powers(scales))
    codes, scales, _ = rounded(quantization.MXFP4_DEFAULT_CFG, 32)
    yield "mxfp4", result(pairs(codes), powers(scales))
    codes, scales, _ = rounded(quantization.FP8_DEFAULT_CFG)
    yield "float8-tensor", result(codes.view(torch.uint8), scales)
    codes, scales, _ = rounded(quantization.FP8_PER_CHANNEL_PER_TOKEN_CFG)
    yield "float8-row", result(codes.view(torch.uint8), scales)


LIBRARIES = {
    "mlx": mlx, "compressed-tensors": compressed_tensors, "gptqmodel": gptqmodel, "autoawq": autoawq,
    "bitsandbytes": bitsandbytes, "transformers": transformers, "modelopt": modelopt,
}

if __name__ == "__main__":
    (library,) = sys.argv[1:]
    if library == "inputs":
        save(inputs())
    else:
        tensors = {key: array for key, array in read().items() if not key.startswith(library + "/")}
        for kind in TYPES:
            for name, parts in LIBRARIES[library](tensors["in/" + kind], kind):
                for part, array in parts.items():
                    tensors[f"{library}/{name}/{kind}/{part}"] = array
        save(tensors)
