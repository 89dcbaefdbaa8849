internal import Bytes
internal import Digests
public import JSON
internal import GGUF
internal import Quantization
internal import Tensors

/// What an output says of how it was made, enough to make it again and compare: the version, the recipe, and digests of
/// what was read. Nothing in it depends on time or machine, nor on the place of files that are on it.
///
/// The keys are the same in the metadata of a GGUF and in the `__metadata__` of safetensors; `Formats/GGUF/SPEC.md`,
/// section 8, says what they hold.
public struct Provenance: Sendable {
  /// Where keys of provenance begin.
  static let prefix = "decant.provenance."

  enum Key {
    static let version = prefix + "version"
    static let recipe = prefix + "recipe"
    static let sources = prefix + "sources_xxh3_128"
    static let tensors = prefix + "tensors_xxh3_128"
  }

  /// The version of Decant that wrote the output.
  public let version: String
  /// Digests of the weights of the model and of each adapter, in the order in which they were given: those that
  /// `ModelDigests.fast` gives. Nil before everything has been read.
  public private(set) var sources: [String]?
  /// The recipe and the rest of what was asked for.
  public let document: JSONValue
  /// A digest of the names, types and shapes of the stored tensors that were written; nil in outputs that do not say.
  let tensors: String?
  /// Whether a program has changed them since; nil where that cannot be told.
  public let isEdited: Bool?
  private let sourceCount: Int

  /// Most bytes of a recipe that is read, and of a version.
  static let longestRecipe = 1 << 24
  static let longestVersion = 64

  /// As long as a digest, and none.
  private static let pending = "digest-that-is-not-known-so-far."

  /// What an output made of `checkpoint` will say.
  /// - Parameters:
  ///   - tensors: the stored tensors of the output.
  ///   - version: the one that makes it.
  ///   - origins: where the files come from that are not of this machine.
  /// - Throws: `FileError` when the recipe cannot be written down.
  init(
    of checkpoint: Checkpoint, _ recipe: Recipe, _ destination: Destination, tensors: [TensorDescriptor],
    version: String, origins: [String]
  ) throws(FileError) {
    self.version = version
    self.tensors = Self.digest(of: tensors)
    isEdited = false
    sourceCount = 1 + checkpoint.adapters.count
    var members = try recipe.members()
    if !checkpoint.adapters.isEmpty {
      members["adapters"] = .array(checkpoint.adapters.map { .number(Double($0.weight)) })
    }
    if checkpoint.hasReorderedNeurons { members["reordered_neurons"] = true }
    if let bytes = destination.maximumFileBytes { members["maximum_file_bytes"] = .integer(bytes) }
    if let count = destination.fileCount { members["file_count"] = .integer(count) }
    if !origins.isEmpty { members["origins"] = .array(origins.map(JSONValue.string)) }
    document = .object(members)
  }

  /// Reads what an output says; nil where it says nothing.
  /// - Throws: `FileError` when a key is missing or malformed.
  init?(of opened: OpenedContainer, path: String) throws(FileError) {
    func value(_ key: String) -> String? { opened.metadata?[key]?.string ?? opened.fileMetadata[key] }
    guard let recipe = value(Key.recipe) else { return nil }
    guard let version = value(Key.version), let sources = value(Key.sources)?.split(separator: ",").map(String.init)
    else {
      throw FileError(
        .malformed, path: path, subject: Key.recipe, "\(Key.version) and \(Key.sources) are missing beside it")
    }
    guard recipe.utf8.count <= Self.longestRecipe, version.utf8.count <= Self.longestVersion else {
      throw FileError(
        .unsupported, path: path, subject: Key.recipe,
        "is longer than \(Self.longestRecipe) bytes, or the version beside it than \(Self.longestVersion)")
    }
    self.version = version
    self.sources = sources
    tensors = value(Key.tensors)
    isEdited = opened.isPartOfFolder ? nil : tensors.map { $0 != Self.digest(of: opened.source.tensors) }
    sourceCount = sources.count
    do throws(JSONError) {
      document = try JSONValue(parsing: Array(recipe.utf8))
    } catch {
      throw FileError(.malformed, path: path, subject: Key.recipe, error.description)
    }
  }

  /// The recipe that is written down.
  /// - Parameters:
  ///   - importance: the importance matrix, which the record only names.
  ///   - calibration: so a calibration.
  /// - Throws: `FileError` when something in it is unknown to this version, or the matrix is not the one that is named.
  func recipe(
    with importance: ImportanceMatrix?, _ calibration: CalibrationFile?, path: String
  ) throws(FileError) -> Recipe {
    try Recipe(document, importance: importance, calibration: calibration, path: path)
  }

  /// What each adapter's change was multiplied by.
  /// - Throws: `FileError` for what is not a finite number.
  func adapterWeights(path: String) throws(FileError) -> [Float] {
    var weights: [Float] = []
    for entry in document["adapters"]?.array ?? [] {
      guard let weight = entry.double.map({ Float($0) }), weight.isFinite else {
        throw FileError(.malformed, path: path, subject: Key.recipe, "the weight of an adapter is not a finite number")
      }
      weights.append(weight)
    }
    return weights
  }

  /// The same of a file or folder, of which nothing else is read.
  static func saysReordered(_ opened: OpenedContainer) -> Bool {
    let recipe = opened.metadata?[Key.recipe]?.string ?? opened.fileMetadata[Key.recipe]
    guard let recipe, recipe.utf8.count <= longestRecipe, recipe.contains("reordered_neurons") else { return false }
    return (try? JSONValue(parsing: Array(recipe.utf8)))?["reordered_neurons"]?.bool == true
  }

  /// Whether the inner neurons of feed-forward networks are in another order than in the model that was quantized first.
  var hasReorderedNeurons: Bool { document["reordered_neurons"]?.bool == true }

  /// Where the files came from that were not of the machine: address, revision, digest.
  public var origins: [String] { document["origins"]?.array?.compactMap(\.string) ?? [] }

  var maximumFileBytes: Int? { document["maximum_file_bytes"]?.int }

  var fileCount: Int? { document["file_count"]?.int }

  /// The keys with their values, in the order in which they are written.
  /// - Throws: `FileError` when a number in the recipe is not finite.
  func entries(path: String) throws(FileError) -> [(key: String, value: String)] {
    let recipe: [UInt8]
    do throws(JSONError) {
      recipe = try document.serialized(pretty: false)
    } catch {
      throw FileError(.unsupported, path: path, subject: Key.recipe, "\(error)", remedy: .leaveOutProvenance)
    }
    // What could not be read again is not written.
    guard recipe.count <= Self.longestRecipe else {
      throw FileError(
        .unsupported, path: path, subject: Key.recipe,
        "would be longer than \(Self.longestRecipe) bytes, which is the most that is read again",
        remedy: .leaveOutProvenance)
    }
    return [
      (Key.version, version), (Key.recipe, String(decoding: recipe, as: UTF8.self)),
      (Key.sources, sources.map(Self.text) ?? placeholder),
    ] + (tensors.map { [(Key.tensors, $0)] } ?? [])
  }

  /// XXH3-128 of names, types and shapes. The order, which other programs change, does not count.
  private static func digest(of tensors: [TensorDescriptor]) -> String {
    var stream = FastDigest.Stream()
    for line in tensors.map({ "\(ModelDigests.onOneLine($0.name)) \($0.encoding.name) \($0.shape)\n" }).sorted() {
      stream.add(line)
    }
    return stream.digest.description
  }

  /// The recipe in a few words: `linear_layers nf4/64`, `mix q4_k_m`.
  public var summary: String {
    (document["rule"]?.string == "table"
      ? "a type for each tensor"
      : [document["rule"]?.string, document["type"]?.string].compactMap(\.self).joined(separator: " "))
      + (document["calibration"]?["codes"]?.bool == true ? ", calibrated" : "")
      + (hasReorderedNeurons ? ", act-order undone" : "")
  }

  // MARK: - Digests, which are known last

  /// What stands in headers for the digests until they are known. As long as they are.
  private var placeholder: String { Self.pending(sourceCount) }

  /// The same for so many sources.
  static func pending(_ sourceCount: Int) -> String { text(Array(repeating: pending, count: sourceCount)) }

  static func text(_ digests: [String]) -> String {
    digests.joined(separator: ",")
  }

  /// A header with the digests in their place.
  /// - Returns: nil where the header has no such place.
  /// - Throws: `FileError` when it has several, so that it is not clear which is meant.
  func completed(_ header: [UInt8], with digests: [String], path: String) throws(FileError) -> [UInt8]? {
    guard let place = try place(in: header, path: path) else { return nil }
    let text = Array(Self.text(digests).utf8)
    guard text.count == placeholder.utf8.count else {
      throw FileError(.malformed, path: path, subject: Key.sources, "the digests do not fit into their place")
    }
    var header = header
    header.replaceSubrange(place..<place + text.count, with: text)
    return header
  }

  /// Looks whether the digests will have a place of their own in the headers of a plan.
  /// - Throws: `FileError` when the placeholder stands elsewhere too: in a name, or in what a model says of itself.
  func checkPlaces(in files: [PlannedFile], _ writing: Container.Writing, path: String) throws(FileError) {
    for (number, file) in files.enumerated() {
      _ = try place(in: file.header, most: writing.repeatsMetadata || number == 0 ? 1 : 0, path: path)
    }
  }

  /// Where the placeholder stands in a header; nil where it does not.
  func place(in header: [UInt8], most: Int = 1, path: String) throws(FileError) -> Int? {
    let places = Self.places(of: Array(placeholder.utf8), in: header)
    guard places.count <= most else {
      throw FileError(
        .malformed, path: path, subject: Key.sources,
        "the model holds the text \(FileError.quoted(placeholder)) itself",
        remedy: .leaveOutProvenance)
    }
    return places.first
  }

  private static func places(of part: [UInt8], in bytes: [UInt8]) -> [Int] {
    guard let first = part.first, part.count <= bytes.count else { return [] }
    return (0...bytes.count - part.count).filter { start in
      bytes[start] == first && bytes[start..<start + part.count].elementsEqual(part)
    }
  }
}
