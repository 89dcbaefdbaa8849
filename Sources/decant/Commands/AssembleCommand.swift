internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON

struct AssembleCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "assemble",
    abstract: "Put together the parts that several machines have made of one output.",
    discussion: """
      quantize, convert and merge with --part k/n write one part of an output into the
      folder OUT.parts. This looks whether all parts are there, whole, of one plan and
      made of the same model, and gives the files OUT's names: byte for byte what one
      machine writes. Nothing is copied, and the model is not needed. Until then
      nothing has OUT's names, and afterwards the folder is gone.

      With --json: output, bytes, parts, files, seconds.

      EXAMPLES
        decant quantize Llama-3.1-405B/ llama.gguf --type q4_k_m --part 1/2
        decant quantize Llama-3.1-405B/ llama.gguf --type q4_k_m --part 2/2
        decant assemble llama.gguf
      """)

  @Argument(
    help: "The whole output, as it was named to each part.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() throws {
    let start = ContinuousClock.now
    StatusLine.shared.begin("looking at the parts of \(output)")
    if try Assembly.cleanUp(after: output) {
      if !talk.quiet { Terminal.note("\(output) was complete already; what was left of its parts is gone now") }
      return
    }
    let matrices = try PartsFolder(of: output).matrixPaths()
    guard matrices.isEmpty else { return try assemble(matrices, start) }
    let assembly = try Assembly(of: output, replacing: force)
    StatusLine.shared.begin("putting \(assembly.partCount) parts together")
    Terminal.tellLeft(try assembly.run())
    let seconds = (ContinuousClock.now - start).seconds
    if talk.json {
      try Terminal.result(
        JSONText.of([
          "output": .string(output), "bytes": .integer(assembly.byteCount), "parts": .integer(assembly.partCount),
          "files": .array(assembly.fileNames.map(JSONValue.string)), "seconds": .number(seconds),
        ]))
    } else if !talk.quiet {
      let (parts, files) = (assembly.partCount, assembly.fileNames.count)
      Terminal.note(
        "wrote \(output): \(NumberText.bytes(assembly.byteCount)) in \(files) \(files == 1 ? "file" : "files"), of \(parts) "
          + "\(parts == 1 ? "part" : "parts")")
    }
  }

  /// Adds up the parts of an importance matrix.
  private func assemble(_ parts: [String], _ start: ContinuousClock.Instant) throws {
    let file = FileOutput(output, replacing: force)
    try file.check(against: parts)
    try file.checkRoom()
    let folder = PartsFolder(of: output)
    let matrix = try ImportanceMatrix.assembled(partsIn: folder, name: output)
    Terminal.tellLeft(try matrix.write(to: output, replacing: force, reading: parts))
    for part in parts { Terminal.noting { () throws(FileError) in try FileSystem.removeFile(part) } }
    Terminal.noting { () throws(FileError) in try FileSystem.removeEmptyFolder(folder.path) }
    let seconds = (ContinuousClock.now - start).seconds
    if talk.json {
      try Terminal.result(
        JSONText.of([
          "output": .string(output), "bytes": .integer(try FileSystem.byteCount(output) ?? 0),
          "parts": .integer(parts.count), "files": [.string(FileSystem.lastComponent(output))],
          "seconds": .number(seconds),
        ]))
    } else if !talk.quiet {
      Terminal.note(
        "wrote \(output): \(matrix.entries.count) weights, \(matrix.chunkCount) \(matrix.chunkCount == 1 ? "window" : "windows"), of "
          + "\(parts.count) \(parts.count == 1 ? "part" : "parts")")
    }
  }
}
