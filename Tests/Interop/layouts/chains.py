"""What is converted into what, and by which library each is opened."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    key: str  # the layout's name on the command line; its worker is load_KEY.py
    packages: tuple[str, ...]  # whose versions are told
    environment: str | None = None  # requirements-ENVIRONMENT.txt of the fixtures; None for the Python that runs this
    maker: str | None = None  # the environment that quantizes, where it is another one
    bound: float = 1e-4  # of a difference of logits, relative to the largest
    arithmetic: str = "in F32"


LIBRARIES = {library.key: library for library in [
    Library("bitsandbytes", ("bitsandbytes", "transformers")),
    Library("mlx", ("mlx", "mlx-lm"), "mlx"),
    Library("gptq", ("gptqmodel", "optimum", "transformers"), "gptq"),
    Library("awq", ("gptqmodel", "transformers"), "gptq", maker="awq", bound=1e-2, arithmetic="weights rounded to F16"),
    Library("compressed-tensors", ("compressed-tensors", "llmcompressor", "transformers"), "compressed-tensors"),
    Library("fp8", ("transformers", "torch")),
    Library("modelopt", ("nvidia-modelopt",), "modelopt"),
    Library("mxfp4", ("transformers",)),
    Library("auto-round", ("auto-round", "transformers"), "auto-round", bound=1e-2, arithmetic="weights rounded to F16"),
    Library("hqq", ("hqq", "transformers"), "hqq"),
    Library("quanto", ("optimum-quanto", "transformers"), "quanto"),
    Library("torchao", ("torchao", "transformers"), "torchao", bound=0.1, arithmetic="in BF16"),
    Library("gguf", ("gguf", "transformers")),
]}

# Columns of `convert IN OUT --layout KEY`; GGUF is `convert IN OUT.gguf`.
LAYOUTS = ["bitsandbytes", "mlx", "gptq", "awq", "compressed-tensors", "fp8", "modelopt", "gguf"]


@dataclass(frozen=True)
class Source:
    name: str
    library: str | None = None  # who makes it: Decant, where none
    kind: str | None = None  # what the library calls it, or the type that Decant quantizes to
    suffix: str = ""


SOURCES = [
    Source("PyTorch .bin folder"),
    Source("GGUF q8_0", kind="q8_0", suffix=".gguf"), Source("GGUF q4_0", kind="q4_0", suffix=".gguf"),
    Source("GGUF q4_k_m", kind="q4_k_m", suffix=".gguf"),
    Source("bitsandbytes nf4", "bitsandbytes", "nf4"), Source("bitsandbytes nf4, double", "bitsandbytes", "nf4-double"),
    Source("bitsandbytes int8", "bitsandbytes", "int8"),
    Source("mlx int4", "mlx", "int4"), Source("mlx int8", "mlx", "int8"), Source("mlx mxfp4", "mlx", "mxfp4"),
    Source("mlx mxfp8", "mlx", "mxfp8"), Source("mlx nvfp4", "mlx", "nvfp4"),
    Source("gptq int4", "gptq", "int4"), Source("gptq int4 with zeros", "gptq", "int4-zeros"),
    Source("gptq int8", "gptq", "int8"),
    Source("awq int4", "awq", "int4"),
    *(Source(f"compressed-tensors {kind}", "compressed-tensors", kind) for kind in ("int4", "int8", "fp8", "nvfp4", "mxfp4")),
    Source("fp8 in blocks", "fp8", "block"), Source("fp8 of tensors", "fp8", "tensor"),
    Source("modelopt nvfp4", "modelopt", "nvfp4"),
    Source("auto-round int4", "auto-round", "int4"), Source("hqq int4", "hqq", "int4"), Source("hqq int3", "hqq", "int3"),
    Source("quanto int8", "quanto", "int8"), Source("quanto int4", "quanto", "int4"),
    *(Source(f"torchao {kind}", "torchao", kind) for kind in ("int4", "int8", "float8", "nvfp4")),
]


@dataclass(frozen=True)
class Target:
    """What `quantize` is asked for, and what the library makes of the same model by rounding alone."""
    layout: str
    type: str
    options: tuple[str, ...] = ()
    theirs: str | None = None  # the name of a source
    differs: str | None = None  # why some of its tensors are others

    @property
    def name(self):
        return " ".join([self.layout, self.type, *(option.removeprefix("--") for option in self.options)])


TARGETS = [
    Target("bitsandbytes", "nf4", theirs="bitsandbytes nf4"), Target("bitsandbytes", "fp4"),
    Target("bitsandbytes", "nf4", ("--double-quant",), theirs="bitsandbytes nf4, double",
           differs="its quant_state is JSON that ends in spaces"),
    Target("bitsandbytes", "int8", theirs="bitsandbytes int8"),
    *(Target("mlx", f"int{bits}", theirs={4: "mlx int4", 8: "mlx int8"}.get(bits)) for bits in (2, 3, 4, 5, 6, 8)),
    Target("mlx", "int4", ("--group-size", "32")),
    Target("mlx", "mxfp4", theirs="mlx mxfp4"), Target("mlx", "mxfp8", theirs="mlx mxfp8"),
    Target("mlx", "nvfp4", theirs="mlx nvfp4"),
    Target("gptq", "int4", theirs="gptq int4"), Target("gptq", "int4", ("--no-symmetric",), theirs="gptq int4 with zeros",
           differs="its zeros are those of gptq_v2, which are not less by one"),
    Target("gptq", "int4", ("--group-size", "row")), Target("gptq", "int8", theirs="gptq int8"),
    Target("awq", "int4"), Target("awq", "int4", ("--group-size", "32")),
    Target("compressed-tensors", "int4", theirs="compressed-tensors int4"),
    Target("compressed-tensors", "int4", ("--no-symmetric", "--group-size", "32")),
    Target("compressed-tensors", "int8"),
    Target("compressed-tensors", "int8", ("--group-size", "128"), theirs="compressed-tensors int8"),
    Target("compressed-tensors", "fp8", theirs="compressed-tensors fp8"),
    Target("compressed-tensors", "fp8", ("--group-size", "128x128")),
    Target("compressed-tensors", "fp8", ("--group-size", "tensor")),
    Target("compressed-tensors", "nvfp4", theirs="compressed-tensors nvfp4"),
    Target("compressed-tensors", "mxfp4", theirs="compressed-tensors mxfp4"), Target("compressed-tensors", "mxfp8"),
    Target("fp8", "fp8", theirs="fp8 in blocks"), Target("fp8", "fp8", ("--group-size", "row")),
    Target("fp8", "fp8", ("--group-size", "tensor"), theirs="fp8 of tensors"),
    Target("modelopt", "nvfp4", theirs="modelopt nvfp4"),
]

# Experts of gpt-oss are quantized by nobody else: a fixture of the family, with experts in MXFP4 and without. Its GGUF is not
# opened: transformers 5.24 fails on such ("Object of type memmap is not JSON serializable").
GPT_OSS = {"gpt-oss, experts in mxfp4": "GptOssForCausalLM-mxfp4", "gpt-oss, BF16": "GptOssForCausalLM-dense"}

# Fixtures that `convert` does not take: experts are stacked under names of mlx-lm's own. `make test` reads them all the same.
UNCONVERTED = ["mlx-experts", "mlx-experts-mxfp4", "mlx-experts-nvfp4-scaled"]

# What llama.cpp's converter makes GGUFs of without decoding it.
CONVERTED_BY_LLAMA_CPP = ["compressed-tensors nvfp4 to gguf", "modelopt nvfp4 to gguf"]

# What is not BF16 is quantized to these.
USUAL = [
    Target("bitsandbytes", "nf4"), Target("mlx", "int4"), Target("gptq", "int4"), Target("awq", "int4"),
    Target("compressed-tensors", "int4"), Target("fp8", "fp8"), Target("modelopt", "nvfp4"),
]
QUANTIZED_AGAIN = ["PyTorch .bin folder", "GGUF q4_k_m", "bitsandbytes nf4"]
