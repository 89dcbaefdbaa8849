"""The model that every library is given, and what is kept of what it makes of it.

`python3 base.py` writes `source`: a Llama of one layer in BF16. A script of a library reads it with `weights()`, lets the
library quantize it, and calls `keep()` with the folder and with the values that the library itself decodes the weights to.
"""
import hashlib
import json
import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "source")
HIDDEN, INNER, HEADS, KEY_HEADS, VOCABULARY = 128, 256, 4, 2, 32

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER,
    "num_hidden_layers": 1, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "vocab_size": VOCABULARY,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "hidden_act": "silu",
    "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False, "bos_token_id": 1, "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}


def to_bf16(values):
    """F32 rounded to the nearest BF16, ties to even, as 16-bit words."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(words):
    return (words.astype(np.uint32) << 16).view(np.float32)


def write_safetensors(path, tensors):
    """tensors: name -> (dtype of safetensors, shape, bytes), in the order that they are to be stored in."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def read_safetensors(path):
    """name -> (dtype, shape, bytes)."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    start = 8 + length
    return {
        name: (entry["dtype"], entry["shape"], data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]])
        for name, entry in header.items() if name != "__metadata__"
    }


def weights():
    """name -> F32 array of the source, which BF16 holds exactly."""
    found = read_safetensors(os.path.join(SOURCE, "model.safetensors"))
    return {name: from_bf16(np.frombuffer(data, np.uint16)).reshape(shape) for name, (_, shape, data) in found.items()}


def linear_names():
    """The weights that quantizers take: every linear layer but the head."""
    return [name for name in weights() if name.endswith("_proj.weight")]


def keep(folder, values, notes=None):
    """Writes expected.json: of each weight, by its usual name, its shape, the SHA-256 of its values as F32 (little-endian,
    row after row, [out, in]), and the first few of them to look at.

    values: name -> array of what the library decodes the weight to, before anything is rounded to a narrower type."""
    expected = {}
    for name, array in sorted(values.items()):
        array = np.ascontiguousarray(array, dtype="<f4")
        expected[name] = {
            "shape": list(array.shape), "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
            "first": [float(value) for value in array.reshape(-1)[:4]],
        }
    document = {"weights": expected}
    if notes:
        document["notes"] = notes
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump(document, file, indent=1, sort_keys=True)
        file.write("\n")


def make_source():
    random = np.random.default_rng(20261128)
    head = HIDDEN // HEADS
    shapes = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN), "lm_head.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    layer = "model.layers.0."
    shapes |= {layer + name + ".weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")}
    shapes |= {
        layer + "self_attn.q_proj.weight": (HEADS * head, HIDDEN), layer + "self_attn.k_proj.weight": (KEY_HEADS * head, HIDDEN),
        layer + "self_attn.v_proj.weight": (KEY_HEADS * head, HIDDEN), layer + "self_attn.o_proj.weight": (HIDDEN, HEADS * head),
        layer + "mlp.gate_proj.weight": (INNER, HIDDEN), layer + "mlp.up_proj.weight": (INNER, HIDDEN),
        layer + "mlp.down_proj.weight": (HIDDEN, INNER),
    }
    tensors = {}
    for name in sorted(shapes):
        shape = shapes[name]
        if len(shape) == 1:
            values = 1 + 0.1 * random.standard_normal(shape)
        else:
            values = 0.05 * random.standard_normal(shape) * np.exp(0.5 * random.standard_normal((shape[0], 1)))
        values = values.astype(np.float32)
        if name.endswith("v_proj.weight"):
            # What encoders stumble over: rows of zeros, of one value, of one sign, of one large value, of ties, of tiny values.
            values[0] = 0
            values[1] = 0.125
            values[2] = np.abs(values[2])
            values[3] = -np.abs(values[3])
            values[4, 5] = 8
            values[5] = (np.arange(HIDDEN) % 16 - 7.5) / 16
            values[6] *= 1e-6
            values[7, 32:64] = 0
            values[8] = np.where(np.arange(HIDDEN) % 2 == 0, 1.0, -1.0)
        tensors[name] = ("BF16", shape, to_bf16(values).tobytes())
    os.makedirs(SOURCE, exist_ok=True)
    write_safetensors(os.path.join(SOURCE, "model.safetensors"), tensors)
    with open(os.path.join(SOURCE, "config.json"), "w") as file:
        json.dump(CONFIG, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    make_source()
