"""Folders with experts in MXFP4: gpt-oss, and DeepSeek V4, whose other layers are FP8 by blocks.

The models are random ones of transformers; the codes are those of compressed-tensors, which packs the same bytes. The values
in expected.json are what transformers decodes the stored tensors to, as F32: of gpt-oss turned back to [expert, out, in], with
rows as they are stored (those of gate and up take turns).
"""
import json
import os
import shutil
import tempfile

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationScheme
from compressed_tensors.quantization.quant_scheme import preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file
from transformers import DeepseekV4Config, DeepseekV4ForCausalLM, GptOssConfig, GptOssForCausalLM
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

import base
from make_fp8 import of_transformers


def start(variant):
    folder = os.path.join(base.HERE, "mxfp4-" + variant)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def packed(weight):
    """[rows, columns] -> bytes of two codes, exponents"""
    scheme: QuantizationScheme = preset_name_to_scheme("MXFP4A16", ["Linear"])
    groups = weight.unflatten(-1, (-1, 32))
    scale, _ = calculate_qparams(groups.amin(-1), groups.amax(-1), scheme.weights)
    state = BaseCompressor.get_value_from_registry("mxfp4-pack-quantized").compress({"weight": weight, "weight_scale": scale}, scheme)
    return state["weight_packed"], state["weight_scale"]


def stir(model):
    """Weights of several sizes, with what encoders stumble over in one of them."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
            if name.endswith("down_proj") and parameter.ndim == 3:
                parameter[0, 0] = 0
                parameter[0, 1] = -parameter[0, 1].abs()
                parameter[0, 2] *= 1e-5
                parameter[0, 3, 3] = 8
                parameter[0, 4] = (torch.arange(parameter.shape[2]) % 16 - 7.5) / 16
    return model.to(torch.bfloat16)


def save(folder, tensors, config):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")


def saved(model):
    with tempfile.TemporaryDirectory() as here:
        model.save_pretrained(here)
        with open(os.path.join(here, "config.json")) as file:
            return load_file(os.path.join(here, "model.safetensors")), json.load(file)


def make_gpt_oss():
    model = GptOssForCausalLM(GptOssConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_local_experts=2, num_experts_per_tok=1, head_dim=16,
        num_attention_heads=4, num_key_value_heads=2, vocab_size=32, layer_types=["full_attention"], max_position_embeddings=64,
        pad_token_id=0, bos_token_id=1, eos_token_id=2))
    tensors, config = saved(stir(model))
    values = {}
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        weight = tensors.pop(name).transpose(1, 2).contiguous()
        codes, scales = packed(weight.flatten(0, 1))
        blocks = codes.reshape(*weight.shape[:2], -1, 16)
        scales = scales.reshape(blocks.shape[:3])
        exact = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
        assert torch.equal(exact.bfloat16(), convert_moe_packed_tensors(blocks, scales))
        tensors[name + "_blocks"], tensors[name + "_scales"] = blocks, scales
        values[name] = exact.transpose(1, 2).numpy()
    config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}
    folder = start("gpt-oss")
    save(folder, tensors, config)
    base.keep(folder, values, "[expert, out, in], which transformers turns to [expert, in, out]; rows of gate and up take turns")


def make_deepseek():
    model = DeepseekV4ForCausalLM(DeepseekV4Config(
        vocab_size=32, hidden_size=64, moe_intermediate_size=96, num_hidden_layers=1, num_attention_heads=4, head_dim=32,
        q_lora_rank=32, num_experts_per_tok=1, n_routed_experts=2, max_position_embeddings=64, layer_types=["sliding_attention"],
        mlp_layer_types=["moe"], o_groups=2, o_lora_rank=16, index_n_heads=2, index_head_dim=16, index_topk=4, hc_mult=2,
        num_nextn_predict_layers=0, sliding_window=16))
    tensors, config = saved(stir(model))
    # As DeepSeek names them.
    for ours, theirs in (("model.", ""), ("embed_tokens", "embed"), ("hc_head.hc_", "hc_head_"), ("attn.norm", "attn.kv_norm")):
        tensors = {name.replace(ours, theirs): tensor for name, tensor in tensors.items()}
    values = {}
    for name in sorted(tensors):
        weight = tensors[name]
        module = name.removesuffix(".weight")
        if ".experts." in name:
            codes, scales = packed(weight)
            tensors[name], tensors[module + ".scale"] = codes.view(torch.int8), scales.view(torch.float8_e8m0fnu)
            values[name] = Fp8Dequantize(None)._dequantize_one(
                tensors[name], tensors[module + ".scale"], output_dtype=torch.float32).numpy()
        elif any(name.endswith(f".{part}.weight") for part in ("wq_a", "wq_b", "wkv", "wo_a", "wo_b", "w1", "w2", "w3")):
            tensors[name], tensors[module + ".scale"], decoded = of_transformers(weight, (128, 128), "ue8m0")
            values[name] = decoded.contiguous().numpy()
    config["expert_dtype"] = "fp4"
    config["quantization_config"] = {
        "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}
    folder = start("deepseek")
    save(folder, tensors, config)
    base.keep(folder, values, "experts are I8 of two codes with scales of F8_E8M0 for 32; the rest is FP8 by blocks")


if __name__ == "__main__":
    torch.manual_seed(3)
    make_gpt_oss()
    make_deepseek()
