internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Digests
internal import JSON

struct HashCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "hash",
    abstract: "Print digests of a model's tensors, or check them.",
    discussion: """
      Two digests of every stored tensor's bytes: XXH3-128, which finds damage at the
      speed of memory, and SHA-256, which nobody can forge. Those of the whole are
      of the list of names, types, shapes and digests in the order of the names:
      they do not depend on how the tensors are ordered, divided among files or
      packed.

      --check compares with what hash --json printed before, and fails where a
      tensor is missing, is new, or has another type, shape or other bytes.

      With --json: format, tensors (name, type, shape, bytes, xxh3_128, sha256),
      xxh3_128, sha256.

      EXAMPLES
        decant hash llama-q4_k_m.gguf
        decant hash Llama-3.2-1B/ --json > Llama-3.2-1B.digests.json
        decant hash Llama-3.2-1B/ --check Llama-3.2-1B.digests.json
      """)

  @Argument(help: "Model to read: a file or a folder.", completion: .file(), transform: InputPath.model)
  var model: String

  @Flag(help: "Leave SHA-256 out.")
  var fast = false

  @Option(
    help: ArgumentHelp("Compare with a list that hash --json printed.", valueName: "file"),
    completion: .file(), transform: InputPath.file)
  var check: String?

  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    let manifest = try check.map { path throws(FileError) in try DigestManifest(path: path) }
    let isCryptographic = manifest.map(\.isCryptographic) ?? !fast
    StatusLine.shared.begin("reading \(model)")
    let digests = try await ModelDigests(
      ofModelAt: model, isCryptographic: isCryptographic && !fast, workers: workers.count)
    talk.tell(digests.notes)
    if let manifest {
      let differences = manifest.differences(from: digests)
      guard differences.isEmpty else {
        Terminal.notes(differences.dropFirst(), isVerbose: talk.verbose)
        throw FileError(
          .mismatch, path: model,
          "is not as \(manifest.path) says, differences: \(differences.count), the first: \(differences[0])")
      }
      if !talk.quiet, !talk.json {
        try Terminal.result("\(model): all \(manifest.count) tensors are those of \(manifest.path)")
      }
      if !talk.json { return }
    }
    try Terminal.result(talk.json ? JSONText.of(DigestManifest.json(of: digests)) : Self.text(digests))
  }

  private static func text(_ digests: ModelDigests) -> String {
    func line(_ fast: String, _ cryptographic: String?, _ name: String) -> String {
      [fast, cryptographic, name.printable].compactMap(\.self).joined(separator: "  ")
    }
    let lines = digests.tensors.sorted { LayerNames.precedes($0.name, $1.name) }.map {
      line($0.fast.description, $0.cryptographic?.description, $0.name)
    }
    return (lines + [line(digests.fast.description, digests.cryptographic?.description, "(all)")])
      .joined(separator: "\n")
  }
}
