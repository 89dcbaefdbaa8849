internal import ArgumentParser
internal import Bytes
internal import Conversion

struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a model file or folder holds.",
    discussion: """
      Reads headers only, so that any size takes an instant. Works for every
      safetensors and GGUF file, also those of models and types that cannot be
      converted yet.

      With --json: path, container, packed, bytes, files, remarks, types (of each:
      tensors, weights, bytes); where the model is known weights, bits_per_weight,
      model; where it says how it was made provenance (version, recipe, sources);
      where it cannot be converted obstacle; with --tensors tensors (name,
      type, shape, bytes), with --metadata metadata.

      EXAMPLES
        decant inspect Llama-3.2-1B/
        decant inspect llama-q4_0.gguf --tensors
        decant inspect llama-q4_0.gguf --metadata --json
      """)

  @Argument(help: "Model to show: a file or a folder.")
  var model: String

  @Flag(help: "List every stored tensor.")
  var tensors = false

  @Flag(help: "List the metadata.")
  var metadata = false

  @Flag(help: "Print JSON on standard output.")
  var json = false

  func run() async throws {
    let report = InspectionReport(try Inspection(path: model))
    if json {
      try StandardOutput.writeLine(JSONText.of(report.json(tensors: tensors, metadata: metadata)))
    } else {
      try StandardOutput.writeLines { line throws(FileError) in
        try report.write(tensors: tensors, metadata: metadata, line)
      }
    }
  }
}
