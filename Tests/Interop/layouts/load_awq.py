"""AWQ: quantized by AutoAWQ against random tokens; opened by transformers with GPTQModel, as AutoAWQ does so on a GPU alone."""

import json
from pathlib import Path

import worker
from worker import Loaded

import make_awq


def make(kind, source, folder):
    import torch
    from awq import AutoAWQForCausalLM
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source)
    generator = torch.Generator().manual_seed(5)
    data = torch.randint(0, len(tokenizer), (32, 48), generator=generator).tolist()
    model = AutoAWQForCausalLM.from_pretrained(source, device_map="cpu", low_cpu_mem_usage=True, use_cache=False)
    model.quantize(
        tokenizer, quant_config={"zero_point": True, "q_group_size": 128, "w_bit": 4, "version": "GEMM"}, calib_data=data,
        max_calib_samples=32, max_calib_seq_len=48)
    model.save_quantized(folder)
    tokenizer.save_pretrained(folder)


def load(folder):
    import make_gptq  # which prepares a processor for GPTQModel
    import torch
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm
    from transformers import AutoModelForCausalLM, AwqConfig

    section = json.loads((Path(folder) / "config.json").read_text())["quantization_config"]
    values = make_awq.decoded_gemm(folder, dequantize_gemm, section["group_size"])
    model, wrong = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, device_map={"": "cpu"}, output_loading_info=True,
        quantization_config=AwqConfig(bits=section["bits"], backend="torch_awq"))
    return Loaded(values, worker.torch_logits(model.eval()), worker.wrong_keys(wrong))


if __name__ == "__main__":
    worker.run(load, make)
