internal import Architectures
public import Bytes
internal import Tensors

extension Plan {
  /// Plans the same model in other files of its container: every tensor keeps its bytes, and what the files say of the model
  /// stays as it is, the record of how it was made too.
  /// - Parameters:
  ///   - path: the model: a file, a folder, or one of a split set.
  ///   - output: where it goes: a file or the name of a set, or a folder.
  /// - Throws: `FileError` for whatever would make the output wrong or impossible.
  public init(
    dividing path: String, by division: Division, to output: String, replacing: Bool
  ) throws(FileError) {
    let opened = try Recognition.open(path)
    let named = Container.forOutput(output)
    guard named == opened.container || named == .usual && !named.isFile(output) else {
      throw FileError(
        .unsupported, path: output,
        "has the ending of a \(named.name) file, but the model stays in its container, which is \(opened.container.name)"
      )
    }
    guard let rule = Division.rules.first(where: { $0.container == opened.container }) else {
      throw FileError(
        .unsupported, path: path, "is in \(opened.container.name), whose files are not divided or joined here")
    }
    guard !opened.isPartOfFolder else {
      throw FileError(
        .mismatch, path: path, "is one file of several, by its name; name the folder, or the index that lists them")
    }
    let destination = Destination(
      path: output, container: opened.container, replacesExisting: replacing, recordsProvenance: false)
    var paths = [path] + opened.files
    if let folder = opened.folder { paths += try ModelFolder.inputPaths(in: folder) }
    let inputs = paths
    var failures = FileErrors()
    let isFree = failures.attempt { () throws(FileError) in try destination.check(against: inputs) } != nil
    self = try failures.finish { () throws(FileError) in
      let laidOut = try rule.layOut(opened, destination, division)
      let plan = Plan(
        destination: destination, tensors: try Self.copies(of: opened, path: path), files: laidOut.files,
        sidecars: laidOut.sidecars, notes: opened.remarks + laidOut.notes, provenance: nil, sources: [opened.source])
      if isFree { try destination.check(files: plan.stagedFiles, against: inputs) }
      return plan
    }
    self.inputPaths = paths
  }

  /// Every stored tensor as it is.
  private static func copies(of opened: OpenedContainer, path: String) throws(FileError) -> [PlannedTensor] {
    let source = opened.source
    let inputs = TensorInputs(model: path, tensors: source.tensors.map { PlainTensor($0, in: source) })
    var tensors: [PlannedTensor] = []
    tensors.reserveCapacity(source.tensors.count)
    for descriptor in source.tensors {
      let type = descriptor.encoding.name
      tensors.append(
        PlannedTensor(
          name: descriptor.name, shape: descriptor.shape,
          rows: try DerivedTensor(.source(named: descriptor.name), inputs: inputs), action: .copyRows,
          planes: [PlannedPlane(descriptor: descriptor, content: .plane(0))], sourceType: type,
          isSourceQuantized: false, sourceBits: nil,
          targetType: type, spelling: nil, substitution: nil, keepsNonFinite: true, unmerged: nil, originalType: nil))
    }
    return tensors
  }
}
