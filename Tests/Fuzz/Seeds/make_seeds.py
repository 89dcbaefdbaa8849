#!/usr/bin/env python3
"""Writes the inputs beside this script that fuzzing begins with where no fixture of a reader is small enough.

A folder a target. Needs nothing but Python; gives the same bytes every time.
"""

import base64
import json
import random
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent

NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]


def write(name, data):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode())


def configs():
    llama = {
        "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 96, "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0, "attention_bias": True, "tie_word_embeddings": True,
    }
    scaling = {
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    write("config/llama3.json", llama | {"rope_scaling": scaling})
    write("config/linear.json", llama | {"rope_scaling": {"type": "linear", "factor": 2.5}, "head_dim": 32})
    write("config/parameters.json", llama | {"rope_parameters": scaling | {"rope_theta": 1e6}})
    write("config/mistral.json", llama | {"architectures": ["MistralForCausalLM"], "sliding_window": 4096})
    # Of families with words of their own.
    for name in ("BloomForCausalLM-plain", "Cohere2ForCausalLM-plain", "FalconForCausalLM-40b", "GPT2LMHeadModel-plain",
                 "GPTNeoXForCausalLM-plain", "Gemma3ForCausalLM-plain", "GptOssForCausalLM-mxfp4", "Ministral3ForCausalLM-plain",
                 "Mistral3ForConditionalGeneration-ministral3", "MptForCausalLM-plain", "Olmo3ForCausalLM-groups-yarn",
                 "Phi3ForCausalLM-long", "Qwen2MoeForCausalLM-plain", "SmolLM3ForCausalLM-pattern-window"):
        write(f"config/{name}.json", json.loads((HERE.parent.parent / "Fixtures" / "Families" / name / "config.json").read_text()))


def tokenizers():
    added = [{"id": 8, "content": "<s>", "special": True}, {"id": 9, "content": "ab c", "special": False, "lstrip": True}]
    tokens = ["<unk>", "<0x41>", "▁", "a", "b", "ab", "▁a", "▁ab"]
    spaces = {
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [8], "tokens": ["<s>"]}}},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                  "vocab": {token: id for id, token in enumerate(tokens)}, "merges": ["a b", ["▁", "a"], "▁ ab"]},
    }
    write("tokenizer-json/spaces.json", spaces)
    bytewise = {
        "added_tokens": added,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}]},
        "model": {"vocab": {token: id for id, token in enumerate(["a", "b", "Ġ", "c", "ab", "Ġa", "d", "e"])},
                  "merges": ["a b", "Ġ a"], "ignore_merges": True},
    }
    write("tokenizer-json/bytes.json", bytewise)

    def field(number, data):
        if isinstance(data, int):
            return bytes([number << 3, data])
        if isinstance(data, float):
            return bytes([number << 3 | 5]) + struct.pack("<f", data)
        return bytes([number << 3 | 2, len(data)]) + data

    kinds = [2, 6, 1, 1, 1, 1, 1, 4]  # Unknown, byte, normal; the last is a user's.
    pieces = b"".join(
        field(1, field(1, token.encode()) + field(2, float(-id)) + field(3, kind))
        for id, (token, kind) in enumerate(zip(tokens, kinds)))
    write("tokenizer-model/bpe.model", pieces + field(2, field(3, 2)) + field(3, field(3, 1) + field(4, 0) + field(5, 1)))
    write("tokenizer-model/unigram.model", pieces + field(2, field(3, 1)))


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(entries):
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries))
    for key, value in entries.items():
        data += text(key)
        match value:
            case bool(): data += struct.pack("<IB", 7, value)
            case int(): data += struct.pack("<II", 4, value)
            case str(): data += struct.pack("<I", 8) + text(value)
            case [str(), *_]: data += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
            case [float(), *_]: data += struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)
            case [int(), *_]: data += struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return data


def tekken():
    pattern = (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokens = [bytes([byte]) for byte in range(256)] + [b"ab", b"aa", b"aaa", b" ab", b"//", b"\xc3\xa9"]
    vocabulary = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate(tokens)
    ]
    config = {"pattern": pattern, "num_vocab_tokens": 262, "default_vocab_size": 281, "default_num_special_tokens": 20,
              "version": "v3"}
    write("tekken/early.json", {"config": config, "vocab": vocabulary})
    special = ["<unk>", "<s>", "</s>", "[INST]", "<pad>"]
    listed = [{"rank": rank, "token_str": text, "is_control": rank != 3} for rank, text in enumerate(special)]
    config = config | {"version": "v13", "default_vocab_size": 268, "default_num_special_tokens": 7}
    write("tekken/listed.json", {"special_tokens": listed, "vocab": vocabulary, "config": config, "audio": {"rate": 16000}})


def vocabularies():
    tokens = ["<unk>", "<s>", "<0x41>", "▁", "a", "b", "ab", "▁a"]
    write("gguf-vocabulary/llama.gguf", gguf({
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [float(-id) for id in range(8)], "tokenizer.ggml.token_type": [2, 3, 6, 1, 1, 1, 1, 4],
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.unknown_token_id": 0, "tokenizer.ggml.add_bos_token": True,
        "tokenizer.chat_template": "{{ a }}", "tokenizer.chat_templates": ["tool"], "tokenizer.chat_template.tool": "t",
    }))
    write("gguf-vocabulary/gpt2.gguf", gguf({
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.merges": ["a b", "Ġ a"],
        "tokenizer.ggml.tokens": ["a", "b", "Ġ", "ab", "Ġa", "<|end|>"], "tokenizer.ggml.token_type": [1, 1, 1, 1, 1, 3],
        "tokenizer.ggml.eos_token_id": 5, "decant.tokenizer.end_token_ids": [5, 4],
    }))


def adapters():
    write("adapter-config/patterns.json", {
        "peft_type": "LORA", "r": 8, "lora_alpha": 16.0, "use_rslora": True,
        "rank_pattern": {"q_proj": 4, r"^model\.layers\.(0|11)\..*": 16, "[kv]_proj$": 2, r"layers\.\d+\.mlp": 6},
        "alpha_pattern": {"model.embed_tokens": 7, "(?:q|k)_proj": 32, ".*": 1},
    })


def recipes():
    write("recipe/mix.json", {
        "rule": "mix", "type": "q4_k_m", "file_type": 15, "name": "Llama", "output_type": "q8_0", "kept": ["output.weight"]})
    write("recipe/overrides.json", {
        "rule": "linear_layers", "type": "int4/64", "embedding_type": "f16", "leaves_output": True, "refuses_fallback": True,
        "overrides": [{"pattern": r"blk\.(0|1)\.ffn", "type": "nf4/128+dq"}]})
    write("recipe/gguf.json", {
        "rule": "every_matrix", "type": "iq4_xs", "adapters": [0.5], "maximum_file_bytes": 1000000, "pruned_layers": [1, 3],
        "metadata": ["a=int:1", "b=float:0.5", "c=bool:true", "d=str:x"]})


def states():
    plain = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 8]}
    nested = {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.0399}
    write("quant-state/nf4.json", plain)
    write("quant-state/fp4-nested.json", plain | nested | {"quant_type": "fp4"})
    write("quant-state/int8.json", plain | {"quant_type": "int8", "shape": []})

    def safetensors(tensors):
        header, data = {}, b""
        for name, (kind, shape, content) in tensors.items():
            header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
            data += content
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def weight(state, parts):
        content = json.dumps(state).encode()
        return safetensors({
            "w.quant_map": ("F32", [16], struct.pack("<16f", *NF4)), **parts,
            "w": ("U8", [32, 1], bytes(range(32))),
            "w.quant_state.bitsandbytes__nf4": ("U8", [len(content)], content)})

    write("layouts/nf4.safetensors", weight(plain, {"w.absmax": ("F32", [1], struct.pack("<f", 2.5))}))
    write("layouts/nf4-nested.safetensors", weight(plain | nested, {
        "w.absmax": ("U8", [1], b"\x80"), "w.nested_absmax": ("F32", [1], struct.pack("<f", 0.5)),
        "w.nested_quant_map": ("F32", [256], struct.pack("<256f", *[(i - 128) / 128 for i in range(256)]))}))
    write("layouts/int8.safetensors", safetensors({
        "a.SCB": ("F32", [2], struct.pack("<2f", 1.5, 3)), "a.weight": ("I8", [2, 4], bytes(range(8))),
        "a.weight_format": ("U8", [], b"\x00"), "b": ("F16", [3], bytes(6))}))
    write("layouts/nvfp4-scale.gguf", gguf_with_scale())


def gguf_with_scale():
    """Two stacked matrices of one block of NVFP4 each, and a number for each."""
    def text(value):
        return struct.pack("<Q", len(value)) + value

    infos = text(b"e.weight") + struct.pack("<I3QIQ", 3, 64, 1, 2, 40, 0)
    infos += text(b"e.scale") + struct.pack("<IQIQ", 1, 2, 0, 96)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 0) + infos
    data = bytes(range(72)) + bytes(24) + struct.pack("<2f", 0.5, 2)
    return head + bytes(-len(head) % 32) + data


def folders():
    """config.json without what is null, a zero, a line a tensor, a zero, bytes: as DescribedFolder reads it."""
    valid = HERE.parents[2] / "Formats/Safetensors/Fixtures/layouts/valid"
    for folder in sorted(valid.iterdir()):
        data = (folder / "model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        short = lambda text: text.replace("model.layers.0.self_attn.k_proj", "p")
        lines = [
            f"META {short(key)} {short(value)}\n" for key, value in header.pop("__metadata__", {}).items() if key != "format"]
        lines += [
            f"FILE {each.name} {short(json.dumps(json.loads(each.read_text()), separators=(',', ':')))}\n"
            for each in sorted(folder.glob("*.json")) if each.name == "quanto_qmap.json"]
        lines += [
            f"{short(name)} {entry['dtype']} {','.join(map(str, entry['shape']))}\n" for name, entry in header.items()]
        config = json.loads((folder / "config.json").read_text(), object_hook=lambda members: {
            key: value for key, value in members.items() if value is not None})
        write(f"quantized-folders/{folder.name}", b"\0".join([
            json.dumps(config, separators=(",", ":")).encode(), "".join(lines).encode(), data[8 + length :]]))


def codecs():
    """Number of a codec, of a block size, bytes."""
    numbers = random.Random(1)
    for codec in (0, 14, 22, 35, 40):
        write(f"codecs/{codec}", bytes([codec, 1]) + numbers.randbytes(600))
    values = [numbers.gauss(0, 1) for _ in range(256)]
    write("codecs/values", bytes([18, 0]) + struct.pack("<256f", *values))


def packed_indexes():
    """Length of the frames with the 24 bytes before them, then the index: 3 regions, one of two slabs."""
    frames = [20, 20, 13, 14, 15, 16, 13, 40]
    regions = [(100_000, 1, 0), (1000, 4, 1), (70_000, 1, 0)]
    fields = struct.pack("<QII", sum(region[0] for region in regions), 1 << 16, len(regions))
    fields += b"".join(struct.pack("<QBBH", *region, 0) for region in regions)
    fields += struct.pack("<8I", *frames)
    write("packed-index/three-regions", struct.pack("<I", 24 + sum(frames)) + fields)
    write("packed-index/empty", struct.pack("<IQII", 24, 0, 1 << 20, 0))


if __name__ == "__main__":
    for make in (configs, tokenizers, tekken, vocabularies, adapters, recipes, states, folders, codecs, packed_indexes):
        make()
