internal import ArgumentParser
internal import Architectures
internal import Bytes
internal import Conversion
internal import JSON

struct InspectCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what models, importance matrices and adapters hold.",
    discussion: """
      Reads headers only, so that any size takes an instant. Works for every
      safetensors and GGUF file, also those of models and types that cannot be
      converted yet.

      With --json: path, container, packed, bytes, files, remarks, types (of each:
      tensors, weights, bytes); where the model is known weights, bits_per_weight,
      model; where it says how it was made provenance (version, recipe, sources,
      edited: whether another program has written other tensors since);
      where it cannot be converted obstacle; with --tensors tensors (name,
      type, shape, bytes), with --metadata metadata. Of an importance matrix:
      weights, chunks, context, datasets; of an adapter: spelling (PEFT, MLX, GGUF),
      kind, base_model, ranks, alphas, scales, dora, rslora, modules (name, count),
      whole_parameters. Of several paths: all under "inspections".

      Classes of transformers that are known: \(ModelFamilies.classNames.joined(separator: ", ")).

      Architectures of GGUFs that are known: \(ModelFamilies.ggufArchitectures.joined(separator: ", ")).

      EXAMPLES
        decant inspect Llama-3.2-1B/
        decant inspect llama-q4_0.gguf --tensors
        decant inspect my-lora/ imatrix.gguf
        decant inspect llama-q4_0.gguf --metadata --json
      """)

  @Argument(
    help: "What to show: models, importance matrices or adapters, files or folders.", completion: .file(),
    transform: InputPath.model)
  var paths: [String]

  @Flag(help: "List every stored tensor.")
  var tensors = false

  @Flag(help: "List the metadata.")
  var metadata = false

  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    var failures = FileErrors()
    var documents: [JSONValue] = []
    for (number, path) in paths.enumerated() {
      failures.attempt { () throws(FileError) in
        let shown = try Inspected(path: path)
        if talk.json {
          documents.append(shown.json(tensors: tensors, metadata: metadata, isVerbose: talk.verbose))
        } else {
          if number > 0 { try Terminal.result("") }
          try Terminal.results { line throws(FileError) in
            try shown.write(tensors: tensors, metadata: metadata, isVerbose: talk.verbose, line)
          }
        }
      }
    }
    if paths.count == 1, let document = documents.first {
      try Terminal.result(JSONText.of(document))
    } else if talk.json, !documents.isEmpty {
      try Terminal.result(JSONText.of(["inspections": .array(documents)]))
    }
    try failures.check()
  }
}
