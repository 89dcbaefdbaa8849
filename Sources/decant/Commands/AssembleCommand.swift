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
      quantize, convert and merge with --part k/n write one part of an output into
      the folder OUT.parts. This looks whether all parts are there, whole, of one job
      and made of the same model, and gives the files OUT's names: byte for byte what
      one machine writes with --parts n. Nothing is copied, and the model is not
      needed. Until then nothing has OUT's names, and afterwards the folder is gone.
      What is put together already is left as it is.

      Parts of imatrix are added up, exactly. Those of compare and perplexity are put
      together by decant report.

      With --json: output, bytes, parts, files, seconds; parts is 0 where all was put
      together before. Of several outputs, outputs has these of each.

      EXAMPLES
        decant quantize Llama-3.1-405B/ llama.gguf --type q4_k_m --part 1/2
        decant quantize Llama-3.1-405B/ llama.gguf --type q4_k_m --part 2/2
        decant assemble llama.gguf
        decant assemble 'llama-{type}.gguf'
      """)

  @Argument(
    help: ArgumentHelp(
      "The whole output, as it was named to each part; its folder of parts will do too.", valueName: "output"),
    completion: .file(), transform: OutputPath.checked)
  var outputs: [String]

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @OptionGroup(title: "Talk") var talk: TalkOptions

  /// What became of an output.
  private struct Assembled {
    let output: String
    /// What to open to read it.
    let path: String
    let byteCount: Int
    /// 0 where it was put together before.
    let partCount: Int
    let fileNames: [String]
    let seconds: Double
    /// What it holds, in words.
    let contents: String

    var json: JSONValue {
      [
        "output": .string(output), "bytes": .integer(byteCount), "parts": .integer(partCount),
        "files": .array(fileNames.map(JSONValue.string)), "seconds": .number(seconds),
      ]
    }

    var sentence: String {
      guard partCount > 0 else { return "\(path) is there already, complete: \(contents)" }
      return "wrote \(path): \(contents), of \(partCount) \(partCount == 1 ? "part" : "parts")"
    }
  }

  func run() throws {
    var failures = FileErrors()
    var assembled: [Assembled] = []
    for name in outputs {
      let named = failures.attempt { () throws(FileError) in try PartsFolder.outputs(named: name) }
      for output in named ?? [] {
        guard let one = failures.attempt({ () throws(FileError) in try self.assembled(output) }) else { continue }
        assembled.append(one)
        if !talk.json, !talk.quiet { Terminal.note(one.sentence) }
      }
    }
    if talk.json, !assembled.isEmpty {
      let objects = assembled.map(\.json)
      let isOne = outputs.count == 1 && objects.count == 1
      try Terminal.result(JSONText.of(isOne ? objects[0] : ["outputs": .array(objects)]))
    }
    try failures.check()
  }

  private func assembled(_ output: String) throws(FileError) -> Assembled {
    let start = ContinuousClock.now
    StatusLine.shared.begin("looking at the parts of \(output)")
    _ = try Assembly.cleanUp(after: output)
    let matrices = try PartsFolder(of: output).matrixPaths()
    guard matrices.isEmpty else { return try matrix(output, of: matrices, start) }
    if let path = try Assembly.completeOutput(output) { return try complete(output, path, start) }
    let assembly = try Assembly(of: output, replacing: force)
    StatusLine.shared.begin("putting \(assembly.partCount) parts together")
    Terminal.tellLeft(try assembly.run())
    return Assembled(
      output: output, path: assembly.outputPath, byteCount: assembly.byteCount, partCount: assembly.partCount,
      fileNames: assembly.fileNames, seconds: (ContinuousClock.now - start).seconds,
      contents: Self.contents(assembly.byteCount, assembly.fileNames.count))
  }

  private static func contents(_ bytes: Int, _ files: Int) -> String {
    "\(NumberText.bytes(bytes)) in \(files) \(files == 1 ? "file" : "files")"
  }

  private static func contents(_ matrix: ImportanceMatrix) -> String {
    "\(matrix.entries.count) weights, \(matrix.chunkCount) \(matrix.chunkCount == 1 ? "window" : "windows")"
  }

  /// An output that has no parts any more: it is opened, to see that all of it is there.
  private func complete(
    _ output: String, _ path: String, _ start: ContinuousClock.Instant
  ) throws(FileError) -> Assembled {
    if let matrix = try? ImportanceMatrix(path: path) {
      return Assembled(
        output: output, path: path, byteCount: try FileSystem.byteCount(path) ?? 0, partCount: 0,
        fileNames: [FileSystem.lastComponent(path)], seconds: (ContinuousClock.now - start).seconds,
        contents: Self.contents(matrix))
    }
    var files = try Checkpoint(path: path).weightFiles
    if try FileSystem.isFolder(path) {
      files = []
      for name in try FileSystem.names(inFolder: path).map({ FileSystem.join(path, $0) })
      where try FileSystem.isFileOrLink(name) { files.append(name) }
    }
    var byteCount = 0
    for file in files { byteCount += try FileSystem.byteCount(file) ?? 0 }
    return Assembled(
      output: output, path: path, byteCount: byteCount, partCount: 0, fileNames: files.map(FileSystem.lastComponent),
      seconds: (ContinuousClock.now - start).seconds, contents: Self.contents(byteCount, files.count))
  }

  /// Adds up the parts of an importance matrix.
  private func matrix(
    _ output: String, of parts: [String], _ start: ContinuousClock.Instant
  ) throws(FileError) -> Assembled {
    let file = FileOutput(output, replacing: force)
    try file.check(against: parts)
    try file.checkRoom()
    let folder = PartsFolder(of: output)
    let matrix = try ImportanceMatrix.assembled(partsIn: folder, name: output)
    Terminal.tellLeft(try matrix.write(to: output, replacing: force, reading: parts))
    for part in parts { Terminal.noting { () throws(FileError) in try FileSystem.removeFile(part) } }
    Terminal.noting { () throws(FileError) in try FileSystem.removeEmptyFolder(folder.path) }
    return Assembled(
      output: output, path: output, byteCount: try FileSystem.byteCount(output) ?? 0, partCount: parts.count,
      fileNames: [FileSystem.lastComponent(output)], seconds: (ContinuousClock.now - start).seconds,
      contents: Self.contents(matrix))
  }
}
