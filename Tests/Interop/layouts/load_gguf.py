"""GGUF, by transformers, which decodes it with gguf-py.

Neither knows of `P.scale`, with which llama.cpp multiplies a weight of NVFP4: gguf-py decodes the blocks alone, and transformers
turns the rows of what is called attn_q, a number too. Here they are multiplied as they are decoded.
"""

from pathlib import Path

import worker
from worker import Loaded

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM

SUPERBLOCK = 64  # values, of four groups with a scale each, which come first
factors = {}  # the identity of what is stored -> its factor


class Reader(gguf.GGUFReader):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        scales = {tensor.name: tensor.data for tensor in self.tensors if tensor.name.endswith("scale")}
        self.tensors = [tensor for tensor in self.tensors if tensor.name not in scales]
        for tensor in self.tensors:
            scale = scales.get(tensor.name.removesuffix("weight") + "scale")
            if scale is not None:
                factors[id(tensor.data)] = scale


def dequantize(data, kind, decode=gguf.dequantize):
    values = decode(data, kind)
    if id(data) not in factors:
        return values
    # A scale times the factor, rounded, times a code: no product of a code and a scale alone is rounded.
    stored = data.reshape(-1, gguf.GGML_QUANT_SIZES[kind][1])[:, :4].astype(np.int32)
    exponent, mantissa = stored >> 3, stored & 7
    scales = np.where(exponent, np.ldexp(8 + mantissa, exponent - 10), np.ldexp(mantissa, -9)).astype(np.float32)
    codes = values.reshape(-1, 4, SUPERBLOCK // 4) / np.where(scales, scales, 1)[..., None]
    return (codes * (scales * factors[id(data)].reshape(-1))[..., None]).astype(np.float32).reshape(values.shape)


gguf.GGUFReader, gguf.dequantize = Reader, dequantize


def load(path):
    path = Path(path)
    model, wrong = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, output_loading_info=True)
    values = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    return Loaded(values, worker.torch_logits(model.eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load)
