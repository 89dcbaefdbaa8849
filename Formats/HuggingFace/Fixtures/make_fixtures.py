#!/usr/bin/env python3
"""Writes valid/ and hostile/ beside it. Needs nothing but Python 3. Every folder in hostile/ is named for the rule of
SPEC.md that it breaks; those in valid/ are what they were made from."""
import json
import os
import shutil
import struct

HERE = os.path.dirname(os.path.abspath(__file__))

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 4, "rms_norm_eps": 1e-5,
}
BYTE_LEVEL = {"type": "ByteLevel", "use_regex": True}
VOCABULARY = {"a": 0, "b": 1, "ab": 2}


def safetensors(tensors):
    """Tensors of F32: name, shape, and the value of all elements."""
    header, data = {}, b""
    for name, (shape, value) in tensors.items():
        count = 1
        for size in shape:
            count *= size
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack("<f", value) * count
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def document(value):
    return value if isinstance(value, bytes) else (json.dumps(value) + "\n").encode()


def config(content=None, weights=None, **changes):
    """A model's folder: a configuration, and weights where they matter."""
    members = {key: value for key, value in {**CONFIG, **changes}.items() if value != "left out"}
    return {"config.json": document(members if content is None else content),
            "model.safetensors": safetensors(weights or {})}


def llama(**changes):
    prefix = "model.layers.0."
    tensors = {
        "model.embed_tokens.weight": (4, 8), prefix + "input_layernorm.weight": (8,),
        prefix + "self_attn.q_proj.weight": (8, 8), prefix + "self_attn.k_proj.weight": (4, 8),
        prefix + "self_attn.v_proj.weight": (4, 8), prefix + "self_attn.o_proj.weight": (8, 8),
        prefix + "post_attention_layernorm.weight": (8,), prefix + "mlp.gate_proj.weight": (8, 8),
        prefix + "mlp.up_proj.weight": (8, 8), prefix + "mlp.down_proj.weight": (8, 8), "model.norm.weight": (8,),
        "lm_head.weight": (4, 8),
    }
    for name, shape in changes.items():
        tensors[name.replace("__", ".")] = shape
    return {name: (shape, 0) for name, shape in tensors.items() if shape}


def tokenizer(content=None, others=None, model=None, **changes):
    """A tokenizer's folder: tokenizer.json, and other files where they matter."""
    whole = {"added_tokens": [], "pre_tokenizer": BYTE_LEVEL,
             "model": {"type": "BPE", "merges": ["a b"], "vocab": VOCABULARY, **(model or {})}, **changes}
    files = {"tokenizer.json": document(whole if content is None else content)}
    files.update({name: document(value) for name, value in (others or {}).items()})
    return files


def protobuf(pieces=(b"a", b"b"), algorithm=2):
    """A SentencePiece model: pieces with a score, and a trainer's specification."""
    def field(number, content):
        assert len(content) < 128
        return bytes([number << 3 | 2, len(content)]) + content
    data = b"".join(field(1, field(1, piece) + bytes([2 << 3 | 5]) + struct.pack("<f", -1)) for piece in pieces)
    return data + field(2, bytes([3 << 3, algorithm]))


def adapter(content=None, tensors=None, **changes):
    """An adapter's folder for the q projection of the model above."""
    members = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **changes}
    members = {key: value for key, value in members.items() if value != "left out"}
    prefix = "base_model.model.model.layers.0.self_attn.q_proj."
    shapes = {prefix + "lora_A.weight": ((2, 8), 0.5), prefix + "lora_B.weight": ((8, 2), 0.5)}
    for name, value in (tensors or {}).items():
        name = name if name.startswith("base_model") else prefix + name
        shapes[name] = value
    return {"adapter_config.json": document(members if content is None else content),
            "adapter_model.safetensors": safetensors({name: value for name, value in shapes.items() if value})}


hostile = {
    "HF-1-config-empty": config(b""),
    "HF-1-config-cut": config(b'{"architectures": ["Llama'),
    "HF-1-config-comment": config(b'{"architectures": ["LlamaForCausalLM"] // a model\n}'),
    "HF-1-config-not-utf8": config(b'{"architectures": ["\xff"]}'),
    "HF-1-config-deep": config(b'{"architectures": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "HF-1-config-marks": config(('{"a%s": 1}' % ("\u0301\u0316" * 2000)).encode()),
    "HF-1-config-two-documents": config(b"{}{}"),
    "HF-1-config-number-too-large": config(b'{"architectures": ["LlamaForCausalLM"], "hidden_size": 1e999}'),
    "HF-2-no-architectures": config(architectures="left out"),
    "HF-2-architectures-string": config(architectures="LlamaForCausalLM"),
    "HF-2-architecture-unknown": config(architectures=["EvilForCausalLM"]),
    "HF-2-list": config([]),
    "HF-3-hidden-size-string": config(hidden_size="8"),
    "HF-3-hidden-size-missing": config(hidden_size="left out"),
    "HF-3-hidden-size-0": config(hidden_size=0),
    "HF-3-hidden-size-negative": config(hidden_size=-8),
    "HF-3-hidden-size-fraction": config(hidden_size=8.5),
    "HF-3-hidden-size-2pow62": config(hidden_size=1 << 62),
    "HF-3-hidden-size-2pow64": config(hidden_size=1 << 64),
    "HF-3-hidden-size-list": config(hidden_size=[8]),
    "HF-3-layers-1e9": config(num_hidden_layers=10 ** 9),
    "HF-3-layers-negative": config(num_hidden_layers=-1),
    "HF-3-heads-0": config(num_attention_heads=0),
    "HF-3-vocabulary-2pow40": config(vocab_size=1 << 40),
    "HF-3-context-true": config(max_position_embeddings=True),
    "HF-4-key-heads-do-not-divide": config(num_attention_heads=4, num_key_value_heads=3),
    "HF-4-head-of-0": config(num_attention_heads=16, num_key_value_heads=16),
    "HF-4-head-odd": config(head_dim=3),
    "HF-5-epsilon-0": config(rms_norm_eps=0),
    "HF-5-epsilon-string": config(rms_norm_eps="1e-5"),
    "HF-5-theta-negative": config(rope_theta=-1),
    "HF-5-theta-beyond-float": config(rope_theta=1e300),
    "HF-5-factor-0": config(rope_scaling={"rope_type": "linear", "factor": 0}),
    "HF-6-activation": config(hidden_act="gelu"),
    "HF-6-activation-escape": config(hidden_act="\u001b[2J\u202egelu"),
    "HF-6-rope-type": config(rope_scaling={"rope_type": "ntk", "factor": 2}),
    "HF-6-rope-scaling-string": config(rope_scaling="linear"),
    "HF-6-rope-frequencies-reversed": config(
        rope_scaling={"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1}),
    "HF-7-more-layers": config(weights=llama(), num_hidden_layers=2),
    "HF-7-head-larger": config(weights=llama(), head_dim=8),
    "HF-7-fewer-tokens": config(weights=llama(), vocab_size=3),
    "HF-7-no-tensors": config(),

    "HF-8-empty": tokenizer(b""),
    "HF-8-list": tokenizer([]),
    "HF-8-cut": tokenizer(b'{"model": {"type": "BPE", "vocab": {"a'),
    "HF-8-deep": tokenizer(b'{"padding": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "HF-8-no-model": tokenizer({"version": "1.0"}),
    "HF-8-no-vocabulary": tokenizer({"model": {"type": "BPE", "merges": []}}),
    "HF-8-unigram": tokenizer(model={"type": "Unigram"}),
    "HF-8-vocabulary-list": tokenizer(model={"vocab": ["a"]}),
    "HF-8-half-surrogate": tokenizer(b'{"model": {"type": "BPE", "vocab": {"\\ud800": 0}}}'),
    "HF-9-id-twice": tokenizer(model={"vocab": {"a": 0, "b": 0}}),
    "HF-9-id-negative": tokenizer(model={"vocab": {"a": 0, "b": -1}}),
    "HF-9-id-2pow31": tokenizer(model={"vocab": {"a": 0, "b": 1 << 31}}),
    "HF-9-id-2pow64": tokenizer(model={"vocab": {"a": 0, "b": 1 << 64}}),
    "HF-9-id-fraction": tokenizer(model={"vocab": {"a": 0, "b": 1.5}}),
    "HF-9-id-string": tokenizer(model={"vocab": {"a": 0, "b": "1"}}),
    "HF-9-no-tokens": tokenizer(model={"vocab": {}, "merges": []}),
    "HF-10-part-unknown": tokenizer(model={"merges": ["a c"]}),
    "HF-10-result-unknown": tokenizer(model={"merges": ["b a"]}),
    "HF-10-one-part": tokenizer(model={"merges": ["ab"]}),
    "HF-10-three-parts": tokenizer(model={"merges": [["a", "b", "ab"]]}),
    "HF-10-numbers": tokenizer(model={"merges": [[0, 1]]}),
    "HF-11-no-id": tokenizer(added_tokens=[{"content": "x"}]),
    "HF-11-no-content": tokenizer(added_tokens=[{"id": 5}]),
    "HF-11-id-negative": tokenizer(added_tokens=[{"id": -5, "content": "x"}]),
    "HF-11-id-2pow32": tokenizer(added_tokens=[{"id": 1 << 32, "content": "x"}]),
    "HF-11-id-taken": tokenizer(added_tokens=[{"id": 1, "content": "x"}]),
    "HF-11-too-long": tokenizer(added_tokens=[{"id": 5, "content": "x" * 1025}]),
    "HF-12-pre-tokenizer": tokenizer(pre_tokenizer={"type": "Whitespace"}),
    "HF-12-expression": tokenizer(
        pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a*)*b"}, "behavior": "Isolated"}),
    "HF-12-normalizer": tokenizer(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
    "HF-12-post-processor-token": tokenizer(
        post_processor={"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]}),
    "HF-12-sequences-deep": tokenizer(
        b'{"model": {"type": "BPE", "vocab": {"a": 0}}, "pre_tokenizer": '
        + b'{"type": "Sequence", "pretokenizers": [' * 100 + b"]}" * 100 + b"}"),
    "HF-13-tokenizer-config-cut": tokenizer(others={"tokenizer_config.json": b'{"bos_token": "<s>"'}),
    "HF-13-decoder-key": tokenizer(
        others={"tokenizer_config.json": {"added_tokens_decoder": {"one": {"content": "x"}}}}),
    "HF-13-template-without-name": tokenizer(
        others={"tokenizer_config.json": {"chat_template": [{"template": "{{ messages }}"}]}}),
    "HF-13-added-tokens-string": tokenizer(others={"added_tokens.json": {"x": "5"}}),
    "HF-13-generation-config-not-utf8": tokenizer(others={"generation_config.json": b'{"a": "\xff"}'}),
    "HF-14-empty": {"tokenizer.model": b""},
    "HF-14-text": {"tokenizer.model": b"this is no model\n"},
    "HF-14-ranks": {"tokenizer.model": b"IQ== 0\nIg== 1\n"},
    "HF-14-cut": {"tokenizer.model": protobuf()[:-3]},
    "HF-14-length-past-end": {"tokenizer.model": b"\x0a\xff\xff\xff\xff\x07a"},
    "HF-14-marks": {"tokenizer.model": protobuf(pieces=(("a" + "\u0301\u0316" * 16).encode(), b"b"))},
    "HF-14-unigram": {"tokenizer.model": protobuf(algorithm=1)},
    "HF-14-no-pieces": {"tokenizer.model": protobuf(pieces=())},

    "HF-15-not-json": adapter(b"{"),
    "HF-15-other-kind": adapter(peft_type="IA3"),
    "HF-15-no-rank": adapter(r="left out"),
    "HF-15-rank-0": adapter(r=0),
    "HF-15-rank-negative": adapter(r=-2),
    "HF-15-rank-string": adapter(r="2"),
    "HF-15-alpha-nan": adapter(b'{"peft_type": "LORA", "r": 2, "lora_alpha": NaN}'),
    "HF-15-alpha-1e999": adapter(b'{"peft_type": "LORA", "r": 2, "lora_alpha": 1e999}'),
    "HF-15-flag-string": adapter(use_rslora="true"),
    "HF-15-layer-replication": adapter(layer_replication=[[0, 2]]),
    "HF-16-no-expression": adapter(rank_pattern={"(": 2}),
    "HF-16-repeated-group": adapter(rank_pattern={"(a*)*b": 2}),
    "HF-16-settings": adapter(alpha_pattern={"(?x)([a-z._0-9]+) +!": 2}),
    "HF-16-white-space": adapter(alpha_pattern={"([a-z._0-9]+)\n+!": 2}),
    "HF-16-too-long": adapter(alpha_pattern={"[" + "a" * 300 + "]": 2}),
    "HF-16-too-many": adapter(alpha_pattern={"q_proj$|%d" % number: 2 for number in range(65)}),
    "HF-16-rank-fraction": adapter(rank_pattern={"q_proj": 1.5}),
    "HF-16-alpha-string": adapter(alpha_pattern={"q_proj": "2"}),
    "HF-17-name-unknown": adapter(tensors={"lora_C.weights": ((2,), 0)}),
    "HF-17-half-a-pair": adapter(tensors={"lora_B.weight": None}),
    "HF-17-name-twice": adapter(tensors={"lora_A.default.weight": ((2, 8), 0)}),
    "HF-17-nan": adapter(tensors={"lora_A.weight": ((2, 8), float("nan"))}),
    "HF-17-infinite": adapter(tensors={"lora_B.weight": ((8, 2), float("inf"))}),
    "HF-18-rank": adapter(r=4),
    "HF-18-columns": adapter(tensors={"lora_A.weight": ((2, 7), 0)}),
    "HF-18-rows": adapter(tensors={"lora_B.weight": ((9, 2), 0)}),
    "HF-18-no-such-layer": adapter(tensors={
        "lora_A.weight": None, "lora_B.weight": None,
        "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight": ((2, 8), 0),
        "base_model.model.model.layers.7.self_attn.q_proj.lora_B.weight": ((8, 2), 0)}),
    "HF-18-magnitudes": adapter(use_dora=True, tensors={"lora_magnitude_vector": ((7,), 1)}),
}

valid = {"model": config(weights=llama()), "tokenizer": tokenizer(), "sentencepiece": {"tokenizer.model": protobuf()},
         "adapter": adapter()}

for kind, folders in (("valid", valid), ("hostile", hostile)):
    target = os.path.join(HERE, kind)
    shutil.rmtree(target, ignore_errors=True)
    for name, files in folders.items():
        os.makedirs(os.path.join(target, name))
        for file, content in files.items():
            with open(os.path.join(target, name, file), "wb") as output:
                output.write(content)
