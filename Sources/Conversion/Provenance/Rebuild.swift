public import Bytes
internal import GGUF
internal import Packed
internal import Tensors

/// An output made again from what it says of itself, and compared with what is there. Nothing is written.
public struct Rebuild: Sendable {
  /// The output.
  public let path: String
  public let plan: Plan
  /// What the output says of how it was made.
  public let provenance: Provenance
  /// What the record itself sets, a line each: there "the same" says only that the output is as its record has it.
  public let settings: [String]
  /// What opening the model found that it was made from.
  public let notes: [Note]
  private let opened: OpenedContainer

  /// What has come of it.
  public struct Outcome: Sendable {
    /// What is not the same, as sentences. None where every byte is.
    public let differences: [String]
    /// Bytes that were compared.
    public let byteCount: Int
  }

  /// - Parameters:
  ///   - path: the output.
  ///   - source: path of the model it was made from.
  ///   - adapters: paths of the adapters that were merged, in the same order.
  ///   - importance: the importance matrix, where one was used.
  ///   - calibration: the calibration, where one was used.
  /// - Throws: `FileError` when the output does not say how it was made, or it cannot be made again from these.
  public init(
    of path: String, from source: String, adapters: [String] = [], importance: ImportanceMatrix? = nil,
    calibration: CalibrationFile? = nil
  ) throws(FileError) {
    let opened = try Recognition.open(path)
    guard let provenance = try Provenance(of: opened, path: path) else {
      throw FileError(
        .missing, path: path,
        "does not say how it was made; it was written without a record, or by another program or version")
    }
    let weights = try provenance.adapterWeights(path: path)
    guard adapters.count == weights.count else {
      throw FileError(
        .mismatch, path: path,
        "was made with another number of adapters (\(weights.count)) than are given (\(adapters.count))",
        remedy: .nameAdapters
      )
    }
    var checkpoint = try Checkpoint(path: source)
    for (adapter, weight) in zip(adapters, weights) {
      checkpoint = try checkpoint.adding(try Adapter(path: adapter, weight: weight))
    }
    let target = try Self.target(path, opened.container)
    if !opened.container.isAlwaysFile, opened.container.isFile(target),
      provenance.maximumFileBytes != nil || provenance.fileCount != nil
    {
      throw FileError(
        .unsupported, path: path, "was written as a part of a folder; give the whole folder, under its own name")
    }
    let destination = Destination(
      path: target, container: opened.container, maximumFileBytes: provenance.maximumFileBytes,
      fileCount: provenance.fileCount, replacesExisting: true)
    self.path = path
    self.opened = opened
    self.provenance = provenance
    notes = checkpoint.notes
    let recipe = try provenance.recipe(with: importance, calibration, path: path)
    settings = recipe.settings(besides: try checkpoint.modelName)
    // With the version that is recorded, so that another one shows where it matters only.
    plan = try Plan(of: checkpoint, to: destination, recipe, version: provenance.version, origins: provenance.origins)
  }

  /// The name that was asked for when the output was written: of a folder its own, of a packed file that of the original,
  /// of a split set that of the whole.
  private static func target(_ path: String, _ container: Container) throws(FileError) -> String {
    if path.hasFileEnding(".index.json") { return FileSystem.parent(path) }
    guard try !FileSystem.isFolder(path) else { return path }
    let path = path.droppingFileEnding(".zst") ?? path
    return container.writing?.wholeName(path) ?? path
  }

  /// Reads the source and the output.
  /// - Throws: `FileError` when a file cannot be read or a weight cannot be encoded.
  public func run(
    workers: Int = FileSystem.processorCount(), onEvent: @escaping @Sendable (PourEvent) -> Void = { _ in }
  ) async throws(FileError) -> Outcome {
    if provenance.isEdited == true {
      let difference = "it was edited since: its tensors have other names, types or shapes than those that were written"
      return Outcome(differences: [difference], byteCount: 0)
    }
    let found = try foundFiles()
    guard !plan.destination.isFile || opened.files.count == plan.files.count else {
      let difference =
        "\(opened.files.count) files of weights are there, but \(plan.files.count) would be written; was it split or joined since?"
      return Outcome(differences: [difference], byteCount: 0)
    }
    let output = try ExistingOutput(sources(of: found))
    let report = try await plan.pour(into: output, workers: workers, onEvent: onEvent)
    for (number, file) in plan.files.enumerated() { try output.comparePadding(of: file, file: number) }
    return Outcome(
      differences: sourceDifferences(report) + fileDifferences(found) + byteDifferences(output),
      byteCount: zip(output.byteCounts, plannedByteCounts).reduce(0) { $0 + ($1.0 == nil ? 0 : $1.1) })
  }

  // MARK: - Files

  private func foundFiles() throws(FileError) -> FoundFiles {
    let isFolder = try path.hasFileEnding(".index.json") ? true : FileSystem.isFolder(path)
    let folder = isFolder ? opened.folder ?? opened.files.first.map(FileSystem.parent) : nil
    guard !plan.destination.isFile, let folder else { return try FoundFiles(opened, plan, inFolder: folder) }
    return try FoundFiles(inFolder: folder, opened, plan)
  }

  /// A packed file of weights stands for what it unpacks to; of the others every byte counts as it is.
  private func sources(of found: FoundFiles) throws(FileError) -> [(any ByteSource)?] {
    var sources: [(any ByteSource)?] = []
    for path in found.weights { sources.append(try path.map { path throws(FileError) in try Packing.open(path) }) }
    for path in found.sidecars { sources.append(try path.map { path throws(FileError) in try InputFile(path: path) }) }
    return sources
  }

  private var plannedByteCounts: [Int] { plan.files.map(\.byteCount) + plan.sidecars.map(\.bytes.count) }

  /// Files that are too few and too many.
  private func fileDifferences(_ found: FoundFiles) -> [String] {
    let names = plan.files.map(\.name) + plan.sidecars.map(\.name)
    var lines = zip(names, found.weights + found.sidecars).compactMap { $1 == nil ? "\($0) is missing" : nil }
    lines += found.strangers.prefix(Self.mostStrangers).map {
      "\(FileError.quoted($0)) is there and would not be written"
    }
    let more = found.strangers.count - Self.mostStrangers
    if more > 0 { lines.append("\(more) more files are there that would not be written") }
    return lines
  }

  /// Most files of somebody else's that are named.
  private static let mostStrangers = 10

  // MARK: - Contents

  private func sourceDifferences(_ report: PourReport) -> [String] {
    zip(provenance.sources ?? [], report.sourceDigests).enumerated().compactMap { number, digests in
      guard digests.0 != digests.1, digests.0 != report.formerSourceDigests[number] else { return nil }
      return (number == 0 ? "the model" : "adapter \(number)")
        + " is not the one that was used: its digest is \(digests.1), not \(digests.0)"
    }
  }

  /// A line for each file of another length, and of the others for each header, tensor, and file that has none.
  private func byteDifferences(_ output: ExistingOutput) -> [String] {
    var lines: [String] = []
    // Where a length differs, most of the tensors are at other places: to name each would say nothing.
    var others: Set<Int> = []
    for (number, counts) in zip(output.byteCounts, plannedByteCounts).enumerated() {
      guard let count = counts.0, count != counts.1 else { continue }
      others.insert(number)
      lines.append("\(name(ofFile: number)) has \(count) bytes, not \(counts.1)")
    }
    var last: String?
    for difference in output.differences where !others.contains(difference.file) {
      // In the order of the files, so that what is said of one place comes together.
      let line = describe(difference)
      if line != last { lines.append(line) }
      last = line
    }
    return lines
  }

  private func describe(_ difference: ExistingOutput.Difference) -> String {
    let name = name(ofFile: difference.file)
    guard plan.files.indices.contains(difference.file) else { return "\(name) has other bytes" }
    let file = plan.files[difference.file]
    guard difference.offset >= file.header.count else {
      return "the header of \(name) has other bytes: metadata, names or types of tensors"
    }
    let tensor = file.tensors.last { $0.offset <= difference.offset }
    guard let tensor, difference.offset - tensor.offset < tensor.descriptor.byteCount else {
      let place = tensor.map { FileError.quoted($0.descriptor.name) } ?? "the header"
      // A header that was made longer or shorter in place ends elsewhere.
      return "the padding after \(place) in \(name) is not zero"
        + (tensor == nil ? ", or the header was edited since and ends elsewhere" : "")
    }
    return "\(FileError.quoted(tensor.descriptor.name)) has other bytes"
  }

  private func name(ofFile number: Int) -> String {
    guard plan.files.indices.contains(number) else { return plan.sidecars[number - plan.files.count].name }
    // In a folder by the plan's name, as files are matched by it; a file may have got another one.
    return plan.destination.isFile ? FileSystem.lastComponent(opened.files[number]) : plan.files[number].name
  }
}
