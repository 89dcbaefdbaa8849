"""A model of any size for tests that take their time, made anew by each of them."""

import json
import os
import random
import struct


def make_model(folder, byte_count, seed=1):
    """A Llama of about so many bytes, in bf16, with two shards."""
    folder.mkdir(parents=True, exist_ok=True)
    source = random.Random(seed)
    hidden = 256 if byte_count < 1 << 28 else 2048
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": 4 * hidden,
        "num_attention_heads": hidden // 64, "num_key_value_heads": hidden // 64, "vocab_size": 8 * hidden,
        "rms_norm_eps": 1e-5, "max_position_embeddings": 2048, "hidden_act": "silu", "tie_word_embeddings": False,
        "torch_dtype": "bfloat16", "rope_theta": 10000.0,
    }

    def layer(number):
        prefix = f"model.layers.{number}."
        for name in ("q", "k", "v", "o"):
            yield f"{prefix}self_attn.{name}_proj.weight", (hidden, hidden)
        for name, shape in (("gate", (4 * hidden, hidden)), ("up", (4 * hidden, hidden)), ("down", (hidden, 4 * hidden))):
            yield f"{prefix}mlp.{name}_proj.weight", shape
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{prefix}{name}.weight", (hidden,)

    per_layer = 2 * 16 * hidden * hidden
    ends = 2 * 2 * 8 * hidden * hidden
    layers = max(2, (byte_count - ends) // per_layer)
    config["num_hidden_layers"] = layers
    tensors = [("model.embed_tokens.weight", (8 * hidden, hidden)), ("lm_head.weight", (8 * hidden, hidden)),
               ("model.norm.weight", (hidden,))]
    for number in range(layers):
        tensors += layer(number)
    # Finite values of moderate size, whatever the bytes are.
    table = bytes((byte & 0x80) | 0x38 | (byte & 7) for byte in range(256))
    pool = source.randbytes(1 << 24).translate(table)
    half = len(tensors) // 2
    weight_map = {}
    for shard, part in enumerate((tensors[:half], tensors[half:]), 1):
        name = f"model-{shard:05}-of-00002.safetensors"
        header, offset = {}, 0
        for tensor, shape in sorted(part):
            count = 2
            for size in shape:
                count *= size
            header[tensor] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + count]}
            weight_map[tensor] = name
            offset += count
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(folder / ("." + name), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            while offset > 0:
                start = source.randrange(1 << 12)
                part_bytes = pool[start:start + offset]
                file.write(part_bytes)
                offset -= len(part_bytes)
        os.replace(folder / ("." + name), folder / name)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
