internal import ArgumentParser
internal import Bytes
internal import Safetensors
internal import Tensors

/// Writes a Llama of any size with made-up weights: something large to convert and to measure, that nobody has to
/// download. The same arguments give the same bytes on every machine.
@main
struct GenerateModel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "GenerateModel",
    abstract: "Write a Hugging Face folder of a Llama with pseudo-random BF16 weights.",
    discussion: "The sizes are those of TinyLlama-1.1B unless others are given. There is no tokenizer.")

  @Argument(help: "The folder to make.")
  var folder: String

  @Option var layers = 22
  @Option var hidden = 2048
  @Option var intermediate = 5632
  @Option var heads = 32
  @Option(name: .customLong("kv-heads")) var keyValueHeads = 4
  @Option var vocabulary = 32000
  @Option(help: "At most so many files.") var shards = 2
  @Option var seed: UInt64 = 1
  @Flag(help: "Replace a folder of that name.") var force = false

  func validate() throws {
    let sizes = [layers, hidden, intermediate, heads, keyValueHeads, vocabulary, shards]
    guard sizes.allSatisfy({ $0 > 0 }) else { throw ValidationError("sizes must be positive") }
    guard hidden % heads == 0, heads % keyValueHeads == 0 else {
      throw ValidationError("hidden must be a multiple of heads, and heads of kv-heads")
    }
  }

  func run() async throws {
    let shape = LlamaShape(
      layers: layers, hidden: hidden, intermediate: intermediate, heads: heads, keyValueHeads: keyValueHeads,
      vocabulary: vocabulary)
    let tensors = try shape.tensors()
    let total = tensors.reduce(0) { $0 + $1.byteCount }
    // A shard is closed by the tensor that does not fit: so each but the last holds its share at least.
    let largest = tensors.map(\.byteCount).max() ?? 0
    let plan = try SafetensorsWriter.plan(
      tensors: tensors, metadata: ["format": "pt"], maximumShardBytes: shards == 1 ? nil : total / shards + largest,
      parameterCount: tensors.reduce(0) { $0 + $1.elementCount })
    var small = [(name: "config.json", bytes: Array(shape.configuration.utf8))]
    if let index = plan.index { small.append((index.name, index.bytes)) }

    let output = try StagedOutput(
      .folder, in: folder,
      files: plan.files.map { StagedOutput.File(name: $0.name, byteCount: $0.byteCount) }
        + small.map { StagedOutput.File(name: $0.name, byteCount: $0.bytes.count) },
      replacing: force)
    for (number, file) in plan.files.enumerated() {
      try file.header.withBytes { bytes throws(FileError) in try output.write(bytes, file: number, at: 0) }
    }
    for (number, file) in small.enumerated() {
      try file.bytes.withBytes { bytes throws(FileError) in
        try output.write(bytes, file: plan.files.count + number, at: 0)
      }
    }
    try await WeightWriter(plan: plan, order: tensors, seed: seed, output: output).writeAll()
    try output.commit()
    print("\(folder): \(total) bytes of weights in \(plan.files.count) files")
  }
}
