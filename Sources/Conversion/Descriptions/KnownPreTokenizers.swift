internal import Bytes
internal import Digests
internal import Tokenizers

/// Which of the names that cut alike a vocabulary has: llama.cpp's converter knows published vocabularies by the ids of one
/// text. The text and the digests are those of its `conversion/base.py`, for the names that are known here; the models
/// are those that it names.
enum KnownPreTokenizers {
  /// The name of a vocabulary that is known; nil for any other.
  static func name(of tokenizer: Tokenizer) -> String? {
    let ids = tokenizer.encode(text, addSpecial: true, parseSpecial: true)
    var stream = SHA256Digest.Stream()
    Array("[\(ids.map(String.init).joined(separator: ", "))]".utf8).withBytes { stream.add($0) }
    return names[stream.finish().description]
  }

  static let text =
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) 😶\u{200D}🌫\u{FE0F} (multiple"
    + " emojis concatenated) ✅ 🦙🦙 3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 កា"
    + "ន់តែពិសេសអាច😁 ?我想在apple工作1314151天～ ------======= нещо на Български ''''''```````\"\"\"\""
    + "......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M not sure I'll make it, '"
    + "D you like some tea? We'Ve a'lL"

  private static let names = [
    // https://huggingface.co/skt/A.X-4.0
    "b0a6b1c0bd5998ebd9df08611efde34a4ff03faed45ae09c43e6b31ebd4b94cf": "a.x-4.0",
    // https://huggingface.co/WisdomShell/CodeShell-7B
    "7b3e7548e4308f52a76e8229e4e6cc831195d0d1df43aed21ac6c93da05fec5f": "codeshell",
    // https://huggingface.co/CohereForAI/c4ai-command-r-v01
    "9c2227e4dd922002fb81bde4fc02b0483ca4f12911410dee2255e4987644e3f8": "command-r",
    // https://huggingface.co/databricks/dbrx-base
    "a8594e3edff7c29c003940395316294b2c623e09894deebbc65f33f1515df79e": "dbrx",
    // https://huggingface.co/deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B
    "b3f499bb4255f8ca19fccd664443283318f2fd2414d5e0b040fbdd0cc195d6c5": "deepseek-r1-qwen",
    // https://huggingface.co/tiiuae/falcon-7b
    "8aeee3860c56296a157a1fe2fad249ec40aa59b1bb5709f4ade11c4e6fe652ed": "falcon",
    // https://huggingface.co/tiiuae/Falcon-H1-0.5B-Base
    "a6b57017d60e6edb4d88ecc2845188e0eb333a70357e45dcc9b53964a73bbae6": "falcon-h1",
    // https://huggingface.co/tiiuae/Falcon-H1-1B-Base
    "60476e1243776c4fb1b993dbd7a5f15ac22f83c80afdf425fa5ae01c8d44ef86": "falcon-h1",
    // https://huggingface.co/tiiuae/Falcon-H1-34B-Base
    "48f8e02c0359c0bbdd82f26909171fac1c18a457bb47573ed1fe3bbb2c1cfd4b": "falcon-h1",
    // https://huggingface.co/tiiuae/Falcon-H1-7B-Base
    "3eda48b4c4dc7de733d1a8b3e3b4a85243dbbf704da2ee9d42c6beced8897896": "falcon-h1",
    // https://huggingface.co/tiiuae/Falcon3-7B-Base
    "9d032fcbd5501f4a38150912590928bfb36091efb5df11b8e2124b0390e3fb1e": "falcon3",
    // https://huggingface.co/ai-sage/GigaChat-20B-A3B-instruct
    "ad851be1dba641f2e3711822f816db2c265f788b37c63b4e1aeacb9ee92de8eb": "gigachat",
    // https://huggingface.co/evilfreelancer/ruGPT3XL
    "0fe1cf6eda062318a1af7270f3331a85c539a01778ff948e24388e949c5282f4": "gpt-2",
    // https://huggingface.co/openai-community/gpt2
    "3ce83efda5659b07b1ad37ca97ca5797ea4285d9b9ab0dc679e4a720c9da7454": "gpt-2",
    // https://huggingface.co/core42/jais-13b
    "b53802fb28e26d645c3a310b34bfe07da813026ec7c7716883404d5e0f8b1901": "jais",
    // https://huggingface.co/jinaai/jina-reranker-v1-tiny-en
    "c7699093ba4255a91e702aa38a596aa81669f3525dae06c2953267dde580f448": "jina-v1-en",
    // https://huggingface.co/jinaai/jina-embeddings-v2-base-code
    "7967bfa498ade6b757b064f31e964dddbb80f8f9a4d68d4ba7998fcf281c531a": "jina-v2-code",
    // https://huggingface.co/aari1995/German_Semantic_V3
    "b3d1dd861f1d4c5c0d2569ce36baf3f90fe8a102db3de50dd71ff860d91be3df": "jina-v2-de",
    // https://huggingface.co/jinaai/jina-embeddings-v2-base-de
    "27949a2493fc4a9f53f5b9b029c82689cfbe5d3a1929bb25e043089e28466de6": "jina-v2-de",
    // https://huggingface.co/jinaai/jina-embeddings-v2-base-es
    "171aeeedd6fb548d418a7461d053f11b6f1f1fc9b387bd66640d28a4b9f5c643": "jina-v2-es",
    // https://huggingface.co/LiquidAI/LFM2.5-350M
    "169bf0296a13c4d9b7672313f749eb36501d931022de052aad6e36f2bf34dd51": "lfm2",
    // https://huggingface.co/LiquidAI/LFM2.5-8B-A1B
    "9e454714343b69b99b71795c1d27a68c2a1d15dab111f4d353109f966af29da7": "lfm2",
    // https://huggingface.co/meta-llama/Meta-Llama-3-8B
    "0ef9807a4087ebef797fc749390439009c3b9eda9ad1a097abbe738f486c01e5": "llama-bpe",
    // https://huggingface.co/Infinigence/Megrez-3B-Instruct
    "d4c8f286ea6b520b3d495c4455483cfa2302c0cfcd4be05d781b6a8a0a7cdaf1": "megrez",
    // https://huggingface.co/JetBrains/Mellum-4b-base
    "a1e163ecab2e718a4c829d1148b6e86824ec36163bb71941c3dca9cd5ac25756": "mellum",
    // https://huggingface.co/answerdotai/ModernBERT-base
    "a0b64b4385f123663873756336c085744376d015ff328bb1d901598f63c44152": "modern-bert",
    // https://huggingface.co/allenai/OLMo-1.7-7B-hf
    "b6dc8df998e1cfbdc4eac8243701a65afe638679230920b50d6f17d81c098166": "olmo",
    // https://huggingface.co/microsoft/phi-2
    "fcace8b9cac38ce847670c970cd5892031a753a1ef381abd1d9af00f713da085": "phi-2",
    // https://huggingface.co/mistral-community/pixtral-12b
    "0e9433cbbb161f89e264eb32e8e64bfe69e834973ffca5d41d3948a604a3e2a3": "pixtral",
    // https://huggingface.co/Qwen/Qwen1.5-7B
    "e636dc30a262dcc0d8c323492e32ae2b70728f4df7dfe9737d9f920a282b8aea": "qwen2",
    // https://huggingface.co/Qwen/Qwen3-Embedding-0.6B
    "d4540891389ea895b53b399da6ac824becc30f2fba0e9ddbb98f92e55ca0e97c": "qwen2",
    // https://huggingface.co/smallcloudai/Refact-1_6-base
    "6221ad2852e85ce96f791f476e0b390cf9b474c9e3d1362f53a24a06dc8220ff": "refact",
    // https://huggingface.co/sentence-transformers/stsb-roberta-base
    "8b5a93ed704057481f240da0be7e7dca721d7f8f4755263b6807227a2cbeae65": "roberta-bpe",
    // https://huggingface.co/abacusai/Smaug-Llama-3-70B-Instruct
    "c136ed14d01c2745d4f60a9596ae66800e2b61fa45643e72436041855ad4089d": "smaug-bpe",
    // https://huggingface.co/HuggingFaceTB/SmolLM-135M
    "855059429035d75a914d1eda9f10a876752e281a054a7a3d421ef0533e5b6249": "smollm",
    // https://huggingface.co/stabilityai/stablelm-2-zephyr-1_6b
    "32d85c31273f8019248f2559fed492d929ea28b17e51d81d3bb36fff23ca72b3": "stablelm2",
    // https://huggingface.co/bigcode/starcoder2-3b
    "35d91631860c815f952d711435f48d356ebac988362536bed955d43bfa436e34": "starcoder",
  ]
}
