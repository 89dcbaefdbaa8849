#!/usr/bin/env python3
"""Records which type llama-quantize gives each tensor of many architectures, for every mix: architecture_mixes.json.

    pip install numpy, and gguf-py of that commit
    PYTHONPATH=llama.cpp/gguf-py python3 make_architecture_mixes.py --llama-quantize PATH

Each model is a header with the names, shapes and hyperparameters that such models have, and a hole for the weights:
llama-quantize --dry-run reads no more. Layers and widths are small; `{0-3,7}` in a name stands for these numbers. Of
each mix the tensors are listed that do not get the type that most have, but for those that no mix changes;
`q4_k_m=q5_0` says that most are q5_0 in q4_k_m. Made with llama.cpp commit 0c1e57098.
"""

import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import tempfile

import gguf
import numpy as np

FOLDER = pathlib.Path(__file__).parent
MIXES = (
    "q4_0 q4_1 q5_0 q5_1 q8_0 q1_0 q2_0 q2_k q2_k_s q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k "
    "iq4_nl iq4_xs tq1_0 tq2_0 mxfp4_moe"
).split()
PURE_MIXES = "q4_0 q4_k_m".split()
LARGE_MIXES = "q2_k q3_k_m q3_k_l q4_k_s q4_k_m iq4_xs".split()
NAMES_MIXES = "q3_k_m q4_k_m q5_0 mxfp4_moe".split()

EPS = "attention.layer_norm_rms_epsilon"
LAYER_EPS = "attention.layer_norm_epsilon"


def model(architecture, layers, width, metadata, tensors, heads=(8, 2), **options):
    """`heads`: of queries, of keys; None where there are none; arrays where layers differ."""
    keys = {"block_count": layers, "context_length": 128, "embedding_length": width}
    if heads:
        keys["attention.head_count"], keys["attention.head_count_kv"] = heads
    return {
        "architecture": architecture, "metadata": {**keys, **metadata},
        "tensors": [[name, list(shape)] for name, shape in tensors], **options}


def layered(prefix, layers, parts):
    """The tensors of a layer, in `layers` of them or those that are named."""
    numbers = f"0-{layers - 1}" if isinstance(layers, int) else layers
    return [(f"{prefix}.{{{numbers}}}.{name}", shape) for name, shape in parts]


def vocabulary(width, tied=False, norm="output_norm.weight"):
    result = [("token_embd.weight", (64, width)), (norm, (width,))]
    return result if tied else result + [("output.weight", (64, width))]


def attention(width, keys=None):
    keys = keys or width // 4
    return [
        ("attn_norm.weight", (width,)), ("attn_q.weight", (width, width)), ("attn_k.weight", (keys, width)),
        ("attn_v.weight", (keys, width)), ("attn_output.weight", (width, width)), ("ffn_norm.weight", (width,))]


def fused(width, inner, up=1):
    """Attention with one matrix, and a feed-forward part without gate."""
    return [
        ("attn_norm.weight", (width,)), ("attn_norm.bias", (width,)), ("attn_qkv.weight", (width * 3 // 2, width)),
        ("attn_qkv.bias", (width * 3 // 2,)), ("attn_output.weight", (width, width)), ("ffn_norm.weight", (width,)),
        ("ffn_up.weight", (up * inner, width)), ("ffn_down.weight", (width, inner))]


def dense(width, inner):
    return [("ffn_gate.weight", (inner, width)), ("ffn_up.weight", (inner, width)), ("ffn_down.weight", (width, inner))]


def experts(count, width, inner, shared=0):
    result = [
        ("ffn_gate_inp.weight", (count, width)), ("ffn_gate_exps.weight", (count, inner, width)),
        ("ffn_up_exps.weight", (count, inner, width)), ("ffn_down_exps.weight", (count, width, inner))]
    if shared:
        result += [
            ("ffn_gate_shexp.weight", (shared, width)), ("ffn_up_shexp.weight", (shared, width)),
            ("ffn_down_shexp.weight", (width, shared))]
    return result


def routed(count, **more):
    return {"expert_count": count, "expert_used_count": 2, **{key.replace("__", "."): v for key, v in more.items()}}


def split_experts(count, width, inner):
    return [("ffn_gate_inp.weight", (count, width))] + [
        (f"ffn_{part}.{expert}.weight", (width, inner) if part == "down" else (inner, width))
        for expert in range(count) for part in ("gate", "up", "down")]


def time_mix(width, names):
    return [(f"time_mix_{name}.weight", (width, width)) for name in names.split()]


def every_name():
    """Every name that a tensor has in any architecture."""
    result = set()
    for name in gguf.TENSOR_NAMES.values():
        name = name.replace("{bid}", "{0-1}").replace("{xid}", "0") + ".weight"
        if not name.startswith("output.") and len(name) < 60:
            result.add(name)
    return [(name, (2, 256, 256) if "_exps" in name else (256, 256)) for name in sorted(result)]


GLM5_NEXT = {
    EPS: 1e-5, "attention.key_length_mla": 32, "attention.value_length_mla": 32, "attention.q_lora_rank": 256,
    "attention.kv_lora_rank": 256, "ssm.conv_kernel": 4, "kda.head_dim": 32, "expert_feed_forward_length": 256,
    "expert_shared_count": 1, "attention.indexer.head_count": 4, "attention.indexer.key_length": 32,
    "attention.indexer.top_k": 8, "attention.indexer.kpool": 4, "hyper_connection.count": 4,
    "hyper_connection.sinkhorn_iterations": 2, "hyper_connection.epsilon": 1e-6}

MODELS = {
    "Mixtral": model(
        "llama", 17, 256, {EPS: 1e-5, **routed(8)},
        vocabulary(256) + layered("blk", 17, attention(256) + experts(8, 256, 512))),
    "Mixtral, a tensor an expert": model(
        "llama", 9, 256, {EPS: 1e-5, **routed(8)},
        vocabulary(256) + layered("blk", 9, attention(256) + split_experts(8, 256, 512))),
    "Mixtral, narrow experts": model(
        "llama", 9, 160, {EPS: 1e-5, **routed(8)},
        vocabulary(160, tied=True) + layered("blk", 9, attention(160) + experts(8, 160, 48))),
    "two experts": model(
        "llama", 17, 256, {EPS: 1e-5, **routed(2)},
        vocabulary(256) + layered("blk", 17, attention(256) + experts(2, 256, 256))),
    "one expert": model(
        "llama", 9, 256, {EPS: 1e-5, "expert_count": 1, "expert_used_count": 1},
        vocabulary(256) + layered("blk", 9, attention(256) + experts(1, 256, 256))),
    "Qwen2MoE": model(
        "qwen2moe", 24, 256, {EPS: 1e-6, **routed(6)},
        vocabulary(256) + layered("blk", 24, attention(256, 256) + experts(6, 256, 256, shared=512)
        + [("attn_q.bias", (256,)), ("ffn_gate_inp_shexp.weight", (1, 256))]), heads=(8, 8)),
    "Qwen3MoE": model(
        "qwen3moe", 48, 256, {EPS: 1e-6, **routed(16)},
        vocabulary(256) + layered("blk", 48, attention(256, 64) + experts(16, 256, 256)
        + [("attn_q_norm.weight", (32,)), ("attn_k_norm.weight", (32,))]), heads=(32, 4)),
    "Falcon": model(
        "falcon", 32, 256, {LAYER_EPS: 1e-5},
        vocabulary(256) + [("output_norm.bias", (256,))] + layered("blk", 32, fused(256, 1024)), heads=(71, 1)),
    "Falcon, tied, narrow": model(
        "falcon", 20, 320, {LAYER_EPS: 1e-5}, vocabulary(320, tied=True) + layered("blk", 20, fused(320, 1280)),
        heads=(8, 8)),
    "Falcon, 8 experts": model(
        "falcon", 17, 256, {LAYER_EPS: 1e-5, **routed(8)},
        vocabulary(256) + layered("blk", 17, attention(256) + experts(8, 256, 256))),
    "FalconH1": model(
        "falcon-h1", 16, 256,
        {EPS: 1e-5, "ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 16, "ssm.time_step_rank": 8,
         "ssm.group_count": 1},
        vocabulary(256) + layered("blk", 16, attention(256) + dense(256, 512) + [
            ("ssm_in.weight", (1064, 256)), ("ssm_conv1d.weight", (544, 4)), ("ssm_a", (8, 1)), ("ssm_d", (8, 1)),
            ("ssm_norm.weight", (1, 512)), ("ssm_out.weight", (256, 512))])),
    "GPT2": model(
        "gpt2", 12, 320, {LAYER_EPS: 1e-5},
        vocabulary(320, tied=True) + [("position_embd.weight", (128, 320))] + layered("blk", 12, fused(320, 1280)),
        heads=(12, 12)),
    "Bloom": model(
        "bloom", 24, 256, {LAYER_EPS: 1e-5},
        vocabulary(256) + [("token_embd_norm.weight", (256,))] + layered("blk", 24, fused(256, 1024)), heads=(8, 8)),
    "Gemma3": model(
        "gemma3", 26, 1152, {EPS: 1e-6, "attention.sliding_window": 64},
        vocabulary(1152, tied=True) + layered("blk", 26, attention(1152, 256) + dense(1152, 2304)
        + [("post_attention_norm.weight", (1152,)), ("post_ffw_norm.weight", (1152,))]), heads=(4, 1)),
    "Gemma3n": model(
        "gemma3n", 30, 256,
        {EPS: 1e-6, "attention.sliding_window": 64,
         "attention.sliding_window_pattern": 5},
        vocabulary(256, tied=True) + [
            ("altup_proj.weight", (3, 256, 256)), ("altup_unembd_proj.weight", (3, 256, 256)),
            ("per_layer_token_embd.weight", (64, 30 * 256)), ("per_layer_model_proj.weight", (30 * 256, 256)),
            ("per_layer_proj_norm.weight", (256,))]
        + layered("blk", 30, attention(256) + dense(256, 512) + [
            ("inp_gate.weight", (256, 256)), ("proj.weight", (256, 256)), ("post_norm.weight", (256,)),
            ("altup_correct_coef.weight", (4, 4)), ("altup_predict_coef.weight", (16, 4)),
            ("altup_router.weight", (4, 256)), ("laurel_l.weight", (64, 256)), ("laurel_r.weight", (256, 64))])),
    "Phi3": model(
        "phi3", 32, 256, {EPS: 1e-5},
        vocabulary(256) + [("rope_factors_long.weight", (48,))] + layered("blk", 32, fused(256, 512, up=2)),
        heads=(8, 8)),
    "GraniteMoE": model(
        "granitemoe", 24, 256, {EPS: 1e-6, "logit_scale": 6.0, **routed(40)},
        vocabulary(256, tied=True) + layered("blk", 24, attention(256) + experts(40, 256, 256))),
    "GraniteHybrid": model(
        "granitehybrid", 20, 256,
        {EPS: 1e-6, "logit_scale": 6.0, "ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 16,
         "ssm.time_step_rank": 8, "ssm.group_count": 1, **routed(6)},
        vocabulary(256, tied=True) + layered("blk", "0-4,6-14,16-19", [
            ("attn_norm.weight", (256,)), ("ssm_in.weight", (1064, 256)), ("ssm_conv1d.weight", (544, 4)),
            ("ssm_out.weight", (256, 512))]) + layered("blk", "5,15", attention(256))
        + layered("blk", 20, experts(6, 256, 256, shared=256)),
        heads=(8, [2 if layer in (5, 15) else 0 for layer in range(20)])),
    "gpt-oss": model(
        "gpt-oss", 24, 288, {EPS: 1e-5, "attention.sliding_window": 64, "expert_feed_forward_length": 288, **routed(4)},
        vocabulary(288) + layered("blk", 24, attention(288, 64) + experts(4, 288, 288) + [
            ("attn_sinks.weight", (64,)), ("attn_output.bias", (288,)), ("post_attention_norm.weight", (288,)),
            ("ffn_down_exps.bias", (4, 288)), ("ffn_up_exps.bias", (4, 288))]), heads=(64, 8)),
    "DeepSeek2 Lite": model(
        "deepseek2", 27, 256,
        {EPS: 1e-6, "leading_dense_block_count": 1, "attention.kv_lora_rank": 256, "expert_feed_forward_length": 256,
         "expert_shared_count": 2, **routed(6)},
        vocabulary(256) + layered("blk", 27, [
            ("attn_norm.weight", (256,)), ("attn_q.weight", (768, 256)), ("attn_kv_a_mqa.weight", (288, 256)),
            ("attn_kv_a_norm.weight", (256,)), ("attn_kv_b.weight", (512, 256)), ("attn_output.weight", (256, 256)),
            ("ffn_norm.weight", (256,))]) + layered("blk", "0", dense(256, 512))
        + layered("blk", "1-26", experts(6, 256, 256, shared=512)), heads=(16, 16)),
    "DeepSeek2, 8 experts": model(
        "deepseek2", 20, 256,
        {EPS: 1e-6, "leading_dense_block_count": 3, "attention.kv_lora_rank": 256, "attention.q_lora_rank": 256,
         "expert_feed_forward_length": 256, "expert_shared_count": 1, "attention.key_length_mla": 48,
         "attention.value_length_mla": 32, **routed(8)},
        vocabulary(256) + layered("blk", 20, [
            ("attn_norm.weight", (256,)), ("attn_q_a.weight", (256, 256)), ("attn_q_b.weight", (768, 256)),
            ("attn_kv_a_mqa.weight", (288, 256)), ("attn_k_b.weight", (16, 256, 32)), ("attn_v_b.weight", (16, 32, 256)),
            ("attn_output.weight", (256, 512))]) + layered("blk", "0-2", dense(256, 512))
        + layered("blk", "3-19", experts(8, 256, 256, shared=256) + [("exp_probs_b.bias", (8,))]), heads=(16, 1)),
    "Mamba": model(
        "mamba", 24, 256,
        {EPS: 1e-5, "ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 16, "ssm.time_step_rank": 48},
        vocabulary(256, tied=True) + layered("blk", 24, [
            ("attn_norm.weight", (256,)), ("ssm_in.weight", (1024, 256)), ("ssm_conv1d.weight", (512, 4)),
            ("ssm_x.weight", (80, 512)), ("ssm_dt.weight", (512, 48)), ("ssm_dt.bias", (512,)), ("ssm_a", (512, 16)),
            ("ssm_d", (512,)), ("ssm_out.weight", (256, 512))]), heads=None),
    "Jamba": model(
        "jamba", 16, 256,
        {EPS: 1e-6, "ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 16, "ssm.time_step_rank": 48,
         **routed(16)},
        vocabulary(256) + layered("blk", "0-3,5-11,13-15", [
            ("ssm_in.weight", (1024, 256)), ("ssm_conv1d.weight", (512, 4)), ("ssm_x.weight", (80, 512)),
            ("ssm_dt.weight", (512, 48)), ("ssm_out.weight", (256, 512))]) + layered("blk", "4,12", attention(256))
        + layered("blk", "0,2,4,6,8,10,12,14", dense(256, 512))
        + layered("blk", "1,3,5,7,9,11,13,15", experts(16, 256, 256)),
        heads=(8, [2 if layer in (4, 12) else 0 for layer in range(16)])),
    "Bert": model(
        "bert", 12, 384, {LAYER_EPS: 1e-12, "attention.causal": False},
        [("token_embd.weight", (64, 384)), ("position_embd.weight", (128, 384)), ("token_types.weight", (2, 384)),
         ("token_embd_norm.weight", (384,)), ("cls.weight", (384, 384)), ("cls.output.weight", (1, 384))]
        + layered("blk", 12, [
            ("attn_q.weight", (384, 384)), ("attn_k.weight", (384, 384)), ("attn_v.weight", (384, 384)),
            ("attn_output.weight", (384, 384)), ("attn_output_norm.weight", (384,)), ("ffn_up.weight", (1536, 384)),
            ("ffn_down.weight", (384, 1536)), ("layer_output_norm.weight", (384,))]), heads=(12, 12)),
    "T5": model(
        "t5", 12, 256, {EPS: 1e-6, "attention.relative_buckets_count": 32, "decoder_block_count": 12},
        vocabulary(256, norm="dec.output_norm.weight") + layered("enc.blk", 12, attention(256, 256) + dense(256, 512)
        + [("attn_rel_b.weight", (32, 8))]) + layered("dec.blk", 12, attention(256, 256) + dense(256, 512) + [
            ("attn_rel_b.weight", (32, 8)), ("cross_attn_q.weight", (256, 256)), ("cross_attn_k.weight", (256, 256)),
            ("cross_attn_v.weight", (256, 256)), ("cross_attn_output.weight", (256, 256))]), heads=(8, 8)),
    "RWKV6": model(
        "rwkv6", 12, 256,
        {LAYER_EPS: 1e-5, "wkv.head_size": 64, "time_mix_extra_dim": 32, "time_decay_extra_dim": 64},
        vocabulary(256) + layered("blk", 12, time_mix(
            256, "w1 w2 lerp_x lerp_w lerp_k lerp_fused first decay decay_w1 decay_w2 key value receptance gate output")
        + [("channel_mix_key.weight", (512, 256)), ("channel_mix_value.weight", (256, 512)),
           ("channel_mix_receptance.weight", (256, 256))]), heads=None),
    "RWKV7": model(
        "rwkv7", 24, 256,
        {LAYER_EPS: 1e-5, "wkv.head_size": 64, "attention.decay_lora_rank": 32, "attention.iclr_lora_rank": 32,
         "attention.value_residual_mix_lora_rank": 32, "attention.gate_lora_rank": 32},
        vocabulary(256) + layered("blk", 24, time_mix(
            256, "w0 w1 w2 a0 a1 a2 v0 v1 v2 g1 g2 k_k k_a r_k lerp_fused key value receptance output")
        + [("channel_mix_key.weight", (512, 256)), ("channel_mix_value.weight", (256, 512))]), heads=None),
    "Command-R": model(
        "command-r", 40, 256, {LAYER_EPS: 1e-5, "logit_scale": 0.0625},
        vocabulary(256, tied=True) + layered("blk", 40, attention(256) + dense(256, 512)), heads=(64, 64)),
    "LFM2": model(
        "lfm2", 16, 256, {EPS: 1e-5, "shortconv.l_cache": 3},
        vocabulary(256, tied=True) + layered("blk", "0-1,3-4,6-15", [
            ("shortconv.in_proj.weight", (768, 256)), ("shortconv.conv.weight", (256, 3)),
            ("shortconv.out_proj.weight", (256, 256))]) + layered("blk", "2,5", attention(256))
        + layered("blk", 16, dense(256, 512)), heads=(8, [2 if layer in (2, 5) else 0 for layer in range(16)])),
    "DBRX": model(
        "dbrx", 40, 256, {LAYER_EPS: 1e-5, "attention.clamp_kqv": 8.0, **routed(16)},
        vocabulary(256) + layered("blk", 40, [
            ("attn_qkv.weight", (384, 256)), ("attn_output.weight", (256, 256)), ("attn_output_norm.weight", (256,))]
        + experts(16, 256, 256)), heads=(48, 8)),
    "Grok": model(
        "grok", 16, 256, {EPS: 1e-5, "expert_feed_forward_length": 256, **routed(8)},
        vocabulary(256) + layered("blk", 16, attention(256) + experts(8, 256, 256) + dense(256, 512)), heads=(48, 8)),
    "MiniCPM3": model(
        "minicpm3", 22, 256, {EPS: 1e-5, "attention.q_lora_rank": 256, "attention.kv_lora_rank": 256},
        vocabulary(256, tied=True) + layered("blk", 22, [
            ("attn_q_a.weight", (256, 256)), ("attn_q_b.weight", (512, 256)), ("attn_kv_a_mqa.weight", (288, 256)),
            ("attn_kv_b.weight", (512, 256)), ("attn_output.weight", (256, 256))] + dense(256, 512)), heads=(40, 40)),
    "NemotronH": model(
        "nemotron_h", 16, 256,
        {LAYER_EPS: 1e-5, "ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 16, "ssm.time_step_rank": 8,
         "ssm.group_count": 1, "feed_forward_length": [512 if layer % 2 else 0 for layer in range(16)]},
        vocabulary(256) + layered("blk", "0,2,4,6,10,12,14", [
            ("ssm_in.weight", (1064, 256)), ("ssm_conv1d.weight", (544, 4)), ("ssm_out.weight", (256, 512))])
        + layered("blk", "8", attention(256)) + layered("blk", "1,3,5,7,9,11,13,15", dense(256, 512)[1:]),
        heads=([8 if layer == 8 else 0 for layer in range(16)], [2 if layer == 8 else 0 for layer in range(16)])),
    "BailingMoE3": model(
        "bailingmoe3", 24, 256,
        {EPS: 1e-6, "attention.key_length_mla": 48, "attention.value_length_mla": 32, "attention.kv_lora_rank": 256,
         "ssm.conv_kernel": 4, "kda.head_dim": 32, "kda.gate_lower_bound": -5.0, "expert_feed_forward_length": 256,
         "expert_shared_count": 1, "leading_dense_block_count": 1, "expert_gating_func": 2, **routed(16)},
        vocabulary(256) + layered("blk", 24, [
            ("attn_q.weight", (256, 256)), ("attn_kv_a_mqa.weight", (288, 256)), ("attn_k_b.weight", (16, 256, 32)),
            ("attn_v_b.weight", (16, 32, 256)), ("attn_output.weight", (256, 512))])
        + layered("blk", "0", dense(256, 512)) + layered("blk", "1-23", experts(16, 256, 256, shared=256)),
        heads=(16, 1)),
    "Nanbeige, two rounds": model(
        "nanbeige", 12, 256, {EPS: 1e-5, "num_loops": 2},
        vocabulary(256) + layered("blk", 12, attention(256) + dense(256, 512))),
    "GraniteSwitch": model(
        "graniteswitch", 7, 256,
        {EPS: 1e-6, "logit_scale": 6.0, "adapters.count": 1, "adapters.lora_rank": 8, "adapters.token_ids_activate": [1],
         "adapters.token_ids_substitute": [2]},
        vocabulary(256, tied=True) + layered("blk", 7, attention(256) + dense(256, 512))),
    "a model of pictures": model(
        "clip", 0, 256, {"has_vision_encoder": True, "vision.block_count": 16},
        [("v.position_embd.weight", (128, 256)), ("v.patch_embd.weight", (256, 3, 14, 14)),
         ("v.patch_embd.weight.1", (256, 3, 14, 14)), ("mm.0.weight", (256, 256)), ("mm.patch_merger.weight", (256, 1024))]
        + layered("v.blk", 16, attention(256, 256) + fused(256, 512)[-2:] + [("attn_rel_pos_h.weight", (27, 64))]),
        heads=None, mixes="q4_0 q8_0 q3_k_m q4_k_s q4_k_m q5_k_m mxfp4_moe".split()),
    "Llama, 80 layers": model(
        "llama", 80, 256, {EPS: 1e-5}, vocabulary(256) + layered("blk", 80, attention(256) + dense(256, 256)),
        heads=(64, 8), mixes=LARGE_MIXES),
    "Llama, 80 layers, 3 heads for 2": model(
        "llama", 80, 384, {EPS: 1e-5}, vocabulary(384) + layered("blk", 80, attention(384) + dense(384, 256)),
        heads=(12, 8), mixes=LARGE_MIXES),
    "Llama, 80 layers, no shared keys": model(
        "llama", 80, 256, {EPS: 1e-5}, vocabulary(256) + layered("blk", 80, attention(256) + dense(256, 256)),
        heads=(8, 8), mixes=LARGE_MIXES),
    "Qwen2, 80 layers": model(
        "qwen2", 80, 256, {EPS: 1e-6}, vocabulary(256) + layered("blk", 80, attention(256) + dense(256, 256)),
        heads=(8, 8), mixes=LARGE_MIXES),
    "Qwen3, 80 layers": model(
        "qwen3", 80, 256, {EPS: 1e-6}, vocabulary(256) + layered("blk", 80, attention(256) + dense(256, 256)),
        heads=(64, 8), mixes=LARGE_MIXES),
    "Deci, 80 layers": model(
        "deci", 80, 256, {EPS: 1e-5, "feed_forward_length": [256] * 80},
        vocabulary(256) + layered("blk", "0-39,60-79", attention(256)) + layered("blk", 80, dense(256, 256)),
        heads=([64] * 80, [0 if 40 <= layer < 60 else 16 for layer in range(80)]), mixes=LARGE_MIXES),
    "OLMo, 80 layers": model(
        "olmo", 80, 256, {LAYER_EPS: 1e-5}, vocabulary(256) + layered("blk", 80, attention(256) + dense(256, 256)),
        heads=(8, 8), mixes=LARGE_MIXES),
    "Jais2, 68 layers": model(
        "jais2", 68, 256, {LAYER_EPS: 1e-5}, vocabulary(256) + layered("blk", 68, attention(256) + dense(256, 256)[1:]),
        heads=(8, 8), mixes=LARGE_MIXES),
    "every name": model("llama", 2, 256, {EPS: 1e-5}, every_name(), mixes=NAMES_MIXES),
    "GLM5, its names": model(
        "glm5-next", 2, 256, GLM5_NEXT,
        [(name, shape) for name, shape in every_name() if re.search("blk.*(attn|hc_|indexer|ssm|nextn)", name)],
        heads=(8, 8), mixes=NAMES_MIXES),
}

# Beside every mix without options.
OPTIONS = [
    ("Mixtral", "q4_k_m", "--prune-layers 1,3"), ("DeepSeek2 Lite", "q3_k_m", "--prune-layers 0,9,10"),
    ("Mixtral", "q4_k_m", "--leave-output-tensor"), ("Falcon", "q4_k_m", "--tensor-type ffn_down=q4_1"),
    ("Falcon", "q4_k_m", "--tensor-type blk\\.3\\.=q5_0"), ("Qwen3MoE", "q4_k_m", "--tensor-type ffn_down_exps=q5_0"),
    ("T5", "q4_k_m", "--tensor-type cross_attn_v=q5_0"), ("Gemma3n", "q4_k_m", "--token-embedding-type q4_1"),
    ("Gemma3n", "q4_k_m", "--token-embedding-type q4_1 --tensor-type per_layer_token_embd=q5_0"),
    ("Gemma3n", "q4_k_m", "--output-tensor-type q4_1"), ("Gemma3n", "q2_k", "--tensor-type token_embd=q5_0"),
]


def expanded(name):
    """The names that one with numbers in braces stands for."""
    found = re.search(r"\{([\d,-]+)\}", name)
    if not found:
        return [name]
    numbers = []
    for span in found[1].split(","):
        first, _, last = span.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return [name[:found.start()] + str(number) + name[found.end():] for number in numbers]


def collapsed(names):
    numbers = {}
    for name in names:
        found = re.search(r"blk\.(\d+)", name)
        key = name[:found.start(1)] + "\0" + name[found.end(1):] if found else name
        numbers.setdefault(key, []).append(int(found[1]) if found else None)
    result = []
    for key, found in numbers.items():
        spans = []
        for number in sorted(n for n in found if n is not None):
            if spans and spans[-1][1] == number - 1:
                spans[-1][1] = number
            else:
                spans.append([number, number])
        text = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
        result.append(key.replace("\0", text if text.isdigit() else "{%s}" % text))
    return sorted(result)


def write(path, model):
    writer = gguf.GGUFWriter(path, model["architecture"])
    for key, value in model["metadata"].items():
        key = f"{model['architecture']}.{key}"
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        else:
            writer.add_array(key, value)
    size = 0
    for pattern, shape in model["tensors"]:
        for name in expanded(pattern):
            count = 2 * math.prod(shape)
            writer.add_tensor_info(name, shape, np.dtype(np.float16), count)
            size += -(-count // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    header = -(-os.path.getsize(path) // 32) * 32
    os.truncate(path, header + size)


def write_importance(path):
    writer = gguf.GGUFWriter(path, "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["none"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", 512)
    writer.add_tensor("none.weight.in_sum2", np.ones((1, 32), np.float32))
    writer.add_tensor("none.weight.counts", np.ones((1, 1), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def record(quantize, source, mix, options):
    command = [quantize, "--dry-run", *options, source, "/dev/null", mix]
    done = subprocess.run(command, capture_output=True, text=True)
    types = dict(
        (name, (new or old).lower()) for name, old, new in re.findall(
            r"^\[ *\d+/ *\d+\] (\S+) +- \[.*\], type = +(\S+), size = .*?(?:-> .*\((\w+)\))?$",
            done.stdout + done.stderr, re.MULTILINE))
    if done.returncode != 0 or not types:
        return {"refused": True}
    return {"types": types}


def compact(model, runs):
    """The model with what stays as it is in all runs, and the runs by what becomes of the other tensors."""
    taken = [run for run in runs if "types" in run]
    spared = set.intersection(*({name for name, type in run["types"].items() if type == "f16"} for run in taken))
    outcomes = {}
    for run in taken:
        types = {name: type for name, type in run["types"].items() if name not in spared}
        values = sorted(types.values())
        most = max(values, key=values.count)
        others = {}
        for name, type in types.items():
            if type != most:
                others.setdefault(type, []).append(name)
        others = json.dumps({type: collapsed(names) for type, names in sorted(others.items())})
        usual = re.sub(r"(_k)_[sml]$|_moe$", r"\1", run["mix"])
        mixes = outcomes.setdefault(others, {}).setdefault(run["options"], [])
        mixes.append(run["mix"] if most == usual else f"{run['mix']}={most}")
    return {
        **model, "spared": collapsed(spared),
        "outcomes": [
            {"others": json.loads(others), "runs": {options: " ".join(mixes) for options, mixes in runs.items()}}
            for others, runs in outcomes.items()],
        "refused": [run["mix"] for run in runs if "refused" in run and run["options"] == ""]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llama-quantize", required=True)
    quantize = parser.parse_args().llama_quantize
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        source, matrix = f"{folder}/source.gguf", f"{folder}/matrix.gguf"
        write_importance(matrix)
        for name, model in MODELS.items():
            write(source, model)
            mixes = model.pop("mixes", MIXES)
            wanted = [(mix, options) for mix in mixes for options in ("", "--imatrix")]
            wanted += [(mix, "--pure") for mix in PURE_MIXES]
            wanted += [(mix, options) for entry, mix, options in OPTIONS if entry == name]
            runs = []
            for mix, options in wanted:
                arguments = ["--imatrix", matrix] if options == "--imatrix" else options.split()
                runs.append({"mix": mix, "options": options, **record(quantize, source, mix, arguments)})
            result[name] = compact(model, runs)
            print(f"{name}: {len(runs)} runs, refused: {' '.join(result[name]['refused']) or 'none'}", flush=True)
    lines = (f"{json.dumps(name)}:{json.dumps(model, separators=(',', ':'))}" for name, model in result.items())
    (FOLDER / "architecture_mixes.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
