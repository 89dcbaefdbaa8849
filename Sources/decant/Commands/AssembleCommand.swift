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

      A GGUF of several parts is a set of files; decant join makes one of them. Of
      several outputs none is put together before all are ready.

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

  /// What is to be done for an output, all that can be known of which is in order.
  private enum Job {
    case complete(Assembled)
    case assembly(Assembly)
    case matrix([String])
  }

  func run() throws {
    var failures = FileErrors()
    var jobs: [(output: String, job: Job)] = []
    for output in try outputs.flatMap(Self.named) where !jobs.contains(where: { $0.output == output }) {
      StatusLine.shared.begin("looking at the parts of \(output)")
      Terminal.tellLeft(PartsFolder(of: output).removeSpent())
      if let job = failures.attempt({ () throws(FileError) in try job(for: output) }) { jobs.append((output, job)) }
    }
    // Where one of several outputs is not ready, none gets its name.
    try failures.check()
    var assembled: [Assembled] = []
    for (output, job) in jobs {
      guard let one = failures.attempt({ () throws(FileError) in try done(job, output) }) else { continue }
      assembled.append(one)
      if !talk.json, !talk.quiet { Terminal.note(one.sentence) }
    }
    if talk.json, !assembled.isEmpty {
      let objects = assembled.map(\.json)
      let isOne = outputs.count == 1 && objects.count == 1
      try Terminal.result(JSONText.of(isOne ? objects[0] : ["outputs": .array(objects)]))
    }
    try failures.check()
  }

  /// The outputs that a person names; those of every type for `{type}`.
  private static func named(_ name: String) throws -> [String] {
    guard name.contains(QuantizeCommand.place) else { return [try PartsFolder.output(named: name)] }
    let outputs = try TypeNames.completed.map { name.replacing(QuantizeCommand.place, with: $0) }.filter { output in
      if try PartsFolder(of: output).holdsParts() { return true }
      return try Assembly.completeOutput(output) != nil
    }
    guard !outputs.isEmpty else {
      throw FileError(.missing, path: name, "there are no parts of such an output of any type; make them first")
    }
    return outputs
  }

  private func job(for output: String) throws(FileError) -> Job {
    let matrices = try PartsFolder(of: output).matrixPaths()
    guard matrices.isEmpty else { return .matrix(matrices) }
    if let path = try Assembly.completeOutput(output) { return .complete(try complete(output, path)) }
    let assembly = try Assembly(of: output, replacing: force)
    try assembly.check()
    return .assembly(assembly)
  }

  private func done(_ job: Job, _ output: String) throws(FileError) -> Assembled {
    let start = ContinuousClock.now
    switch job {
    case .complete(let assembled): return assembled
    case .matrix(let parts): return try matrix(output, of: parts, start)
    case .assembly(let assembly):
      StatusLine.shared.begin("putting \(assembly.partCount) parts together")
      Terminal.tellLeft(try assembly.run())
      return Assembled(
        output: output, path: assembly.outputPath, byteCount: assembly.byteCount, partCount: assembly.partCount,
        fileNames: assembly.fileNames, seconds: (ContinuousClock.now - start).seconds,
        contents: Self.contents(assembly.byteCount, assembly.fileNames.count))
    }
  }

  private static func contents(_ bytes: Int, _ files: Int) -> String {
    "\(NumberText.bytes(bytes)) in \(files) \(files == 1 ? "file" : "files")"
  }

  private static func contents(_ matrix: ImportanceMatrix) -> String {
    "\(matrix.entries.count) weights, \(matrix.chunkCount) \(matrix.chunkCount == 1 ? "window" : "windows")"
  }

  /// An output that has no parts any more: it is opened, to see that all of it is there.
  private func complete(_ output: String, _ path: String) throws(FileError) -> Assembled {
    let start = ContinuousClock.now
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
    let folder = PartsFolder(of: output)
    var identities: [String: String] = [:]
    for part in parts { identities[FileSystem.lastComponent(part)] = try InputFile(path: part).identity }
    let matrix = try ImportanceMatrix.assembled(partsIn: folder, name: output)
    // An assembly that was stopped may have written it.
    let before = force ? nil : try? ImportanceMatrix(path: output)
    let isThere = before?.isSame(as: matrix) == true
    if !isThere {
      let file = FileOutput(output, replacing: force)
      try file.check(against: parts)
      try file.checkRoom()
      Terminal.tellLeft(try matrix.write(to: output, replacing: force, reading: parts))
    }
    Terminal.tellLeft(folder.remove(identities))
    return Assembled(
      output: output, path: output, byteCount: try FileSystem.byteCount(output) ?? 0,
      partCount: isThere ? 0 : parts.count, fileNames: [FileSystem.lastComponent(output)],
      seconds: (ContinuousClock.now - start).seconds, contents: Self.contents(matrix))
  }
}
