internal import Architectures
public import Bytes
public import Conversion
internal import Evaluation
internal import Tensors
internal import Tokenizers

/// Where two models differ, in any containers: what they say, their vocabularies, their tensors.
public struct ModelDifferences: Sendable {
  public let before: Inspection
  public let after: Inspection
  /// What the files say: metadata, configuration.
  public private(set) var settings: [KeyDifference] = []
  public private(set) var tokenizer: [KeyDifference] = []
  /// Those that are only in one come first, then the most different.
  public private(set) var tensors: [TensorDifference] = []
  /// Tensors that are the same.
  public private(set) var sameTensorCount = 0
  /// Those of them that are stored as another type in another container, and have the same values.
  public private(set) var sameValueCount = 0
  /// What could not be compared.
  public private(set) var notes: [Note] = []

  public var isEmpty: Bool { settings.isEmpty && tokenizer.isEmpty && tensors.isEmpty }

  /// - Parameters:
  ///   - pattern: only tensors are compared in whose name it is found; nil for all.
  ///   - onProgress: is told how many of how many steps are done.
  /// - Throws: `FileError` when one cannot be read, or they are in different containers and nothing says which tensor of one
  ///   is which of the other.
  public init(
    _ before: Inspection, _ after: Inspection, tensorsNamed pattern: TensorPattern? = nil, workers: Workers,
    onProgress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws {
    self.before = before
    self.after = after
    let (one, other) = try Self.tensors(of: before, after, pattern)
    let vocabularies = (try vocabulary(of: before), try vocabulary(of: after))
    try compareSettings(hasVocabularies: vocabularies.0 != nil && vocabularies.1 != nil)
    compareTokenizers(vocabularies.0, vocabularies.1)
    try await compare(one, other, workers, onProgress)
    for inspection in [before, after] { try inspection.source.requireUnchanged() }
  }

  private var isOneContainer: Bool { before.container == after.container }

  // MARK: - Tensors

  /// Under the container's own names, or in the Hugging Face form where the containers differ.
  private static func tensors(
    of before: Inspection, _ after: Inspection, _ pattern: TensorPattern?
  ) throws(FileError) -> ([ComparedTensor], [ComparedTensor]) {
    func named(_ tensors: [ComparedTensor]) -> [ComparedTensor] {
      pattern.map { pattern in tensors.filter { pattern.isFound(in: $0.name) } } ?? tensors
    }
    guard before.container != after.container else {
      let areWeights = before.checkpoint != nil && after.checkpoint != nil
      func weights(_ inspection: Inspection) -> [ComparedTensor] {
        guard areWeights, let checkpoint = inspection.checkpoint else {
          return inspection.source.tensors.map { ComparedTensor(PlainTensor($0, in: inspection.source)) }
        }
        return checkpoint.weights.map { ComparedTensor($0) }
      }
      return (named(weights(before)), named(weights(after)))
    }
    func derived(_ inspection: Inspection) throws(FileError) -> [ComparedTensor] {
      if let obstacle = inspection.obstacle { throw obstacle }
      guard let checkpoint = inspection.checkpoint else {
        throw FileError(.missing, path: inspection.path, "is no model")
      }
      do throws(FileError) {
        _ = try checkpoint.requireModel()
      } catch {
        throw FileError(
          .unsupported, path: error.path, subject: error.subject,
          "\(error.message), so that nothing says which tensor of one container is which of the other")
      }
      var tensors: [ComparedTensor] = []
      for tensor in checkpoint.tensors { tensors.append(try ComparedTensor(tensor, of: checkpoint)) }
      return tensors
    }
    return (named(try derived(before)), named(try derived(after)))
  }

  private mutating func compare(
    _ one: [ComparedTensor], _ other: [ComparedTensor], _ workers: Workers,
    _ onProgress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws {
    let others = Dictionary(other.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let names = Set(one.map(\.name))
    var differences: [TensorDifference] = []
    for tensor in one where others[tensor.name] == nil { differences.append(TensorDifference(.removed, tensor, nil)) }
    for tensor in other where !names.contains(tensor.name) { differences.append(TensorDifference(.added, nil, tensor)) }
    let pairs = one.compactMap { tensor in others[tensor.name].map { (tensor, $0) } }
    let same = try await workers.map(pairs.count) { (number, _) throws(FileError) in
      try pairs[number].0.hasSameBytes(as: pairs[number].1)
    }
    var measured: [(ComparedTensor, ComparedTensor)] = []
    for (pair, isSame) in zip(pairs, same) {
      if isSame {
        sameTensorCount += 1
      } else if pair.0.shape != pair.1.shape {
        differences.append(TensorDifference(.shape, pair.0, pair.1))
      } else if !pair.0.canDecode || !pair.1.canDecode {
        differences.append(TensorDifference(.undecodable, pair.0, pair.1))
      } else {
        measured.append(pair)
      }
    }
    differences.sort { LayerNames.precedes($0.name, $1.name) }
    let respelled = Set(measured.filter { $0.0.isSpelledOtherwise(than: $0.1) }.map(\.0.name))
    let errors = try await TensorMeasurement(workers: workers).errors(
      of: measured.map {
        TensorPair(name: $0.name, before: $0.rows, encodingBefore: $0.type, after: $1.rows, encodingAfter: $1.type)
      }, progress: onProgress)
    for error in errors {
      let kind = TensorDifference.Kind.values(
        .init(
          largest: error.largestError, relativeRMS: error.relativeSquaredError.squareRoot(), cosine: error.cosine))
      // A container may have no place for a type: what matters is what is said by it.
      if !isOneContainer || respelled.contains(error.name), error.squaredError == 0, error.largestError == 0 {
        sameTensorCount += 1
        sameValueCount += 1
        continue
      }
      differences.append(
        TensorDifference(
          name: error.name, kind: kind, typeBefore: error.encodingBefore, typeAfter: error.encodingAfter,
          shapeBefore: error.shape, shapeAfter: error.shape))
    }
    tensors = differences
  }

  // MARK: - Settings

  private mutating func compareSettings(hasVocabularies: Bool) throws(FileError) {
    guard isOneContainer else { return compareHyperparameters() }
    let isGGUF = before.metadata != nil
    // Of vocabularies that can be read more is told than that they differ.
    let arrays = hasVocabularies ? ["tokens", "scores", "token_type", "merges"].map { "tokenizer.ggml." + $0 } : []
    settings += KeyDifference.all(
      in: isGGUF ? "metadata" : "__metadata__", Settings.entries(of: before), Settings.entries(of: after),
      leavingOut: { arrays.contains($0) })
    guard let one = before.checkpoint?.folder, let other = after.checkpoint?.folder, one != other else { return }
    for name in Settings.documents {
      settings += KeyDifference.all(
        in: name, try Settings.entries(ofDocument: name, in: one), try Settings.entries(ofDocument: name, in: other))
    }
  }

  /// What both say of their model, as a GGUF would say it.
  private mutating func compareHyperparameters() {
    do throws(FileError) {
      guard let one = before.checkpoint?.model, let other = after.checkpoint?.model else { return }
      settings += KeyDifference.all(
        in: "configuration", try one.metadata(path: before.path), try other.metadata(path: after.path))
    } catch {
      notes.append(Note("the configurations are not compared: \(error.description)"))
    }
  }

  private mutating func compareTokenizers(_ one: GGUFVocabulary?, _ other: GGUFVocabulary?) {
    switch (one, other) {
    case (let one?, let other?):
      let differences = TokenizerDifferences(one, other)
      // The other keys are those of the metadata.
      tokenizer = isOneContainer && before.metadata != nil ? differences.vocabulary : differences.all
    case (nil, nil): break
    default:
      func size(_ vocabulary: GGUFVocabulary?) -> MetadataValue? { vocabulary.map { .int64(Int64($0.tokens.count)) } }
      tokenizer = [KeyDifference(place: "tokenizer", key: "tokens", before: size(one), after: size(other))]
    }
  }

  /// What a tokenizer would say in a GGUF; nil where there is none, or it cannot be read.
  private mutating func vocabulary(of inspection: Inspection) throws(FileError) -> GGUFVocabulary? {
    guard let checkpoint = inspection.checkpoint else { return nil }
    do throws(FileError) {
      return try ModelTokenizer.vocabulary(of: checkpoint)
    } catch {
      guard error.code != .system else { throw error }
      notes.append(Note("the tokenizers are not compared: \(error.description)"))
      return nil
    }
  }
}

extension TensorDifference {
  fileprivate init(_ kind: Kind, _ before: ComparedTensor?, _ after: ComparedTensor?) {
    self.init(
      name: before?.name ?? after?.name ?? "", kind: kind, typeBefore: before?.type, typeAfter: after?.type,
      shapeBefore: before?.shape, shapeAfter: after?.shape)
  }
}
