internal import Architectures
internal import Bytes

/// The tensors of a model as `transformers` makes one of what is stored: under the usual names, with a head of its own or
/// one that is the embedding, without what it has no place for. Rules HF-30 to HF-34 of `Formats/HuggingFace/SPEC.md`.
struct HuggingFaceForm {
  private(set) var tensors: [NamedDerivation]
  /// The model as the weights have it: whether the head is tied is their word, where they have one.
  private(set) var model: any Model
  /// What was found.
  private(set) var notes: [Note] = []

  private let path: String

  /// - Parameters:
  ///   - tensors: what is stored, under Hugging Face names or what is taken for such.
  ///   - tiesByFlag: whether the configuration ties the head.
  ///   - isFolder: whether names and biases are those of a folder, which `transformers` would load.
  /// - Throws: `FileError` when two tensors have one name, or one that is compared cannot be read.
  init(
    of tensors: [NamedDerivation], _ model: any Model, tiesByFlag: Bool, isFolder: Bool, inputs: TensorInputs,
    path: String
  ) throws(FileError) {
    self.tensors = tensors
    self.model = model
    self.path = path
    if isFolder { try takeUsualNames() }
    try decideHead(tiesByFlag: tiesByFlag, inputs)
    leaveOutBiases()
  }

  // MARK: - Names

  private mutating func takeUsualNames() throws(FileError) {
    var renamed: [(stored: String, usual: String)] = []
    var owners: [String: String] = [:]
    owners.reserveCapacity(tensors.count)
    for index in tensors.indices {
      let stored = tensors[index].name
      let usual = model.isForeign(stored) ? stored : model.usualName(of: stored) ?? stored
      if let other = owners.updateValue(stored, forKey: usual) {
        throw FileError(
          .malformed, path: path, subject: stored,
          stored == other
            ? "is stored twice, in two spellings" : "is the tensor \(usual), and so is \(FileError.quoted(other))")
      }
      if usual != stored { renamed.append((stored, usual)) }
      tensors[index].name = usual
    }
    guard let first = renamed.first else { return }
    let onlyLacksModel = renamed.allSatisfy { "model." + $0.stored == $0.usual }
    notes.append(
      "tensors are named like \(first.stored), not \(first.usual); "
        + (onlyLacksModel
          ? "they are taken for these, as transformers does, and written so"
          : "they are taken for these and written so, but transformers itself would not find them"))
  }

  // MARK: - The head

  private mutating func decideHead(tiesByFlag: Bool, _ inputs: TensorInputs) throws(FileError) {
    let names = model.tiedTensors
    let embedding = tensors.firstIndex { $0.name == names.embedding }
    guard let head = tensors.firstIndex(where: { $0.name == names.head }) else { return }
    model.hasHead = true
    guard tiesByFlag else {
      model.tiesHead = false
      return
    }
    guard let embedding else {
      tensors[head].name = names.embedding
      model.tiesHead = true
      notes.append(
        "\(names.head) is stored without an embedding, to which the configuration ties it; it is used for both, as "
          + "transformers does")
      return
    }
    model.tiesHead = try Self.areEqual(tensors[head].derivation, tensors[embedding].derivation, inputs)
    if model.tiesHead {
      tensors.remove(at: head)
      notes.append(
        "\(names.head) is stored, but equal to the embedding, to which the configuration ties it; it is left out")
    } else {
      notes.append(
        "the configuration ties the head to the embedding, but \(names.head) is stored and differs; it is used, as "
          + "transformers does, and outputs say tie_word_embeddings: false")
    }
  }

  private static func areEqual(
    _ one: Derivation, _ other: Derivation, _ inputs: TensorInputs
  ) throws(FileError) -> Bool {
    guard case .source(let first) = one, case .source(let second) = other else { return false }
    return try inputs.tensor(first).hasSameValues(as: try inputs.tensor(second))
  }

  // MARK: - Biases

  private mutating func leaveOutBiases() {
    let leftOut = tensors.map(\.name).filter { model.leavesOut($0) }
    guard !leftOut.isEmpty else { return }
    let names = Set(leftOut)
    tensors.removeAll { names.contains($0.name) }
    notes.append(
      Note(
        "left out, as transformers ignores it: \(model.className) with this configuration has no such bias",
        of: leftOut))
  }
}
