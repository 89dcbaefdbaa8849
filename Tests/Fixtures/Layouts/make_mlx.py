"""Folders of MLX, as `mlx_lm.convert` writes them.

`python3 make_mlx.py` (requirements-mlx.txt) runs on a processor. A Mac's GPU rounds some groups otherwise than MLX does here.

The values in expected.json are those of `mx.dequantize` in F32, with scales and biases as F32: each code times its scale,
rounded, plus its bias, rounded. Notes say what the library gives in the model's type where that is something else.
"""
import hashlib
import json
import os
import shutil
import tempfile

import mlx.core as mx
import numpy as np
from mlx_lm.convert import convert
from mlx_lm.models.gpt_oss import Model, ModelArgs
from mlx_lm.utils import load_model, quantize_model, save_config, save_model
from pathlib import Path
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

import base

HIDDEN, EXPERTS, EXPERT_INNER = 64, 4, 32
EXPERTS_CONFIG = base.CONFIG | {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": HIDDEN, "head_dim": 16,
    "num_attention_heads": 4, "num_key_value_heads": 2, "num_experts": EXPERTS, "num_experts_per_tok": 2,
    "moe_intermediate_size": EXPERT_INNER, "intermediate_size": 128, "decoder_sparse_step": 1, "mlp_only_layers": [],
    "norm_topk_prob": True,
}


def folder_of(variant):
    return os.path.join(base.HERE, "mlx-" + variant)


def source_with_tokenizer(folder, source):
    """mlx_lm.convert does not take a model without a tokenizer."""
    for file in ("config.json", "model.safetensors"):
        shutil.copy(os.path.join(source, file), folder)
    vocabulary = {str(token): token for token in range(base.VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="0"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="0").save_pretrained(folder)


def in_f32(array):
    return np.array(array.astype(mx.float32))


def finish(variant, notes=()):
    """Writes expected.json, from what mlx_lm itself makes of the folder."""
    folder, notes = folder_of(variant), list(notes)
    model, _ = load_model(Path(folder))
    values, differing, worst, kind = {}, 0, 0.0, None
    for name, module in model.named_modules():
        if not hasattr(module, "mode"):
            if module.get("weight") is not None and module.weight.ndim > 1:
                values[name + ".weight"] = in_f32(module.weight)
            continue
        parts = exact_parts = [module.weight, module.scales]
        if module.mode == "affine":
            parts = [*parts, module.biases]
            exact_parts = [module.weight, module.scales.astype(mx.float32), module.biases.astype(mx.float32)]
            kind = module.scales.dtype
        settings = {"group_size": module.group_size, "bits": module.bits, "mode": module.mode}
        scale = module.get("global_scale")
        if scale is None:
            exact = in_f32(mx.dequantize(*exact_parts, **settings, dtype=mx.float32))
            theirs = in_f32(mx.dequantize(*parts, **settings))
        else:
            decode = lambda dtype: in_f32(mx.stack([
                mx.dequantize(weight, scales, **settings, global_scale=of_expert, dtype=dtype)
                for weight, scales, of_expert in zip(module.weight, module.scales, scale)
            ]))
            exact, theirs = decode(mx.float32), decode(mx.bfloat16)
        values[name + ".weight"] = exact
        if not np.array_equal(exact, theirs):
            differing += 1
            worst = max(worst, float(np.abs(exact - theirs).max()))
    if differing:
        name = str(kind or mx.bfloat16).removeprefix("mlx.core.")
        notes.append(
            f"in {name} the library rounds the product and the sum to that type: up to {worst:.2g} away in {differing} weights")
    base.keep(folder, values, "; ".join(notes))


def make(source, variant, *, index=False, notes=(), **options):
    folder = folder_of(variant)
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        made = os.path.join(temporary, "made")
        convert(source, made, quantize=True, **options)
        os.makedirs(folder)
        for file in ["config.json", "model.safetensors"] + ["model.safetensors.index.json"] * index:
            shutil.copy(os.path.join(made, file), folder)
    finish(variant, notes)


def own_choice(path, module):
    """What a caller of mlx_lm may answer for a module: no, yes, or settings of its own, another mode among them."""
    if "o_proj" in path:
        return False
    if "v_proj" in path:
        return {"group_size": 32, "bits": 8, "mode": "affine"}
    if "down_proj" in path:
        return {"group_size": 32, "bits": 4, "mode": "mxfp4"}
    if "gate_proj" in path:
        return {"group_size": 32, "bits": 8, "mode": "mxfp8"}
    if "up_proj" in path:
        return {"group_size": 16, "bits": 4, "mode": "nvfp4"}
    if "embed_tokens" in path:
        return {"group_size": 128, "bits": 6, "mode": "affine"}
    return True


def make_exceptions_listed():
    """As early releases of mlx_lm wrote it: the answer for every module is listed, and there are no modes."""
    shutil.rmtree(folder_of("exceptions-listed"), ignore_errors=True)
    shutil.copytree(folder_of("affine-4bit-group32"), folder_of("exceptions-listed"))
    folder = folder_of("exceptions-listed")
    tensors = mx.load(os.path.join(folder, "model.safetensors"))
    kept = "model.layers.0.self_attn.o_proj"
    for part in ("scales", "biases"):
        del tensors[f"{kept}.{part}"]
    tensors[kept + ".weight"] = mx.array(base.weights()[kept + ".weight"]).astype(mx.bfloat16)
    mx.save_safetensors(os.path.join(folder, "model.safetensors"), dict(sorted(tensors.items())), metadata={"format": "mlx"})
    path = os.path.join(folder, "config.json")
    with open(path) as file:
        config = json.load(file)
    config["quantization"] = {
        "group_size": 32, "bits": 4, kept: False, "model.norm": False, "model.layers.0.mlp.up_proj": True,
        "model.layers.0.self_attn.q_proj": {"group_size": 32, "bits": 4},
    }
    save_config(config, path)
    finish("exceptions-listed")


def make_experts_source(folder):
    random = np.random.default_rng(20261129)
    layer = "model.layers.0."
    shapes = {
        "model.embed_tokens.weight": (base.VOCABULARY, HIDDEN), "lm_head.weight": (base.VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,), layer + "input_layernorm.weight": (HIDDEN,),
        layer + "post_attention_layernorm.weight": (HIDDEN,), layer + "self_attn.q_proj.weight": (64, HIDDEN),
        layer + "self_attn.k_proj.weight": (32, HIDDEN), layer + "self_attn.v_proj.weight": (32, HIDDEN),
        layer + "self_attn.o_proj.weight": (HIDDEN, 64), layer + "self_attn.q_norm.weight": (16,),
        layer + "self_attn.k_norm.weight": (16,), layer + "mlp.gate.weight": (EXPERTS, HIDDEN),
    }
    for expert in range(EXPERTS):
        shapes |= {f"{layer}mlp.experts.{expert}.{name}.weight": (EXPERT_INNER, HIDDEN) for name in ("gate_proj", "up_proj")}
        shapes[f"{layer}mlp.experts.{expert}.down_proj.weight"] = (HIDDEN, EXPERT_INNER)
    tensors = {}
    for name in sorted(shapes):
        values = (1 if len(shapes[name]) == 1 else 0) + 0.05 * random.standard_normal(shapes[name])
        tensors[name] = ("BF16", shapes[name], base.to_bf16(values.astype(np.float32)).tobytes())
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    base.write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(EXPERTS_CONFIG, file, indent=2)
        file.write("\n")


def make_experts_scaled(source):
    """Only a caller of mlx_lm gets this, not its command: experts in NVFP4 with a scale for the whole of each."""
    folder = folder_of("experts-nvfp4-scaled")
    shutil.rmtree(folder, ignore_errors=True)
    model, config = load_model(Path(source))
    model, config = quantize_model(model, config, None, None, mode="nvfp4", global_scale=True)
    save_model(folder, model)
    os.remove(os.path.join(folder, "model.safetensors.index.json"))
    save_config(config, os.path.join(folder, "config.json"))
    finish("experts-nvfp4-scaled")


def list_experts_of_gpt_oss():
    """What mlx-lm makes of the tensors of a gpt-oss whose experts are in MXFP4, as digests: mlx-gpt-oss.json."""
    source = os.path.join(base.HERE, "..", "Families", "GptOssForCausalLM-mxfp4")
    with open(os.path.join(source, "config.json")) as file:
        config = json.load(file)
    tensors = Model(ModelArgs.from_dict(config)).sanitize(mx.load(os.path.join(source, "model.safetensors")))
    result = {}
    for name, tensor in sorted(tensors.items()):
        data = np.array(tensor.view(mx.uint16) if tensor.dtype == mx.bfloat16 else tensor)
        result[name] = {"shape": list(tensor.shape), "sha256": hashlib.sha256(data.tobytes()).hexdigest()}
    with open(os.path.join(base.HERE, "mlx-gpt-oss.json"), "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


def main():
    list_experts_of_gpt_oss()
    with tempfile.TemporaryDirectory() as source:
        source_with_tokenizer(source, base.SOURCE)
        for bits in (1, 2, 3, 4, 5, 6, 8):
            make(source, f"affine-{bits}bit", q_bits=bits, q_group_size=64, index=bits == 4)
        for bits, group in ((4, 32), (4, 128), (8, 32)):
            make(source, f"affine-{bits}bit-group{group}", q_bits=bits, q_group_size=group)
        for kind in ("float16", "float32"):
            make(source, f"affine-4bit-{kind}", q_bits=4, q_group_size=64, dtype=kind,
                 notes=["convert --dtype changes the weights, not torch_dtype in config.json"])
        for mode in ("mxfp4", "mxfp8", "nvfp4"):
            make(source, mode, q_mode=mode)
        make(source, "mixed-3-6", quant_predicate="mixed_3_6", notes=["without --q-group-size every module has null for it: 64"])
        make(source, "mixed-4-6-group32", quant_predicate="mixed_4_6", q_group_size=32, q_bits=4)
        make(source, "own-choice", quant_predicate=own_choice, q_bits=5, q_group_size=64,
             notes=["o_proj has no entry: it has no scales"])
    make_exceptions_listed()
    make_experts_source(folder_of("experts-source"))
    with tempfile.TemporaryDirectory() as source:
        source_with_tokenizer(source, folder_of("experts-source"))
        make(source, "experts", q_bits=4, q_group_size=32)
        make(source, "experts-mxfp4", q_mode="mxfp4")
        make_experts_scaled(source)


if __name__ == "__main__":
    main()
