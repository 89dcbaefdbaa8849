public import Bytes
public import JSON
internal import Quantization
internal import Tensors

/// A type for each of some output tensors, by their names; the others stay what they are.
public struct TypeTable: Sendable {
  public let types: [String: TargetType]
  /// The file that it is from; nil for none.
  private var origin: String?

  /// In a saved recipe, what tells it from other JSON, and the version of the form.
  private static let key = "decant_recipe"
  private static let version = 1

  public init(_ types: [String: TargetType]) { self.types = types }

  /// The types that the matrices of a planned output have.
  public init(of plan: Plan) {
    let types = plan.tensors.filter { $0.shape.count > 1 }.compactMap { tensor in tensor.type.map { (tensor.name, $0) }
    }
    self.init(Dictionary(types) { first, _ in first })
  }

  /// The types that a model has, of whatever tensors have one that can be written.
  /// - Throws: `FileError` when there is none.
  public init(of checkpoint: Checkpoint) throws(FileError) {
    var types: [String: TargetType] = [:]
    for weight in checkpoint.weights where weight.shape.count > 1 {
      let type = (weight as? any LaidOutWeight)?.type ?? TargetType(text: weight.typeName)
      guard type != nil || !weight.isQuantized else {
        throw FileError(
          .unsupported, path: checkpoint.path, subject: weight.name,
          "is \(weight.typeName), which is read and not written")
      }
      types[weight.name] = type
    }
    guard !types.isEmpty else {
      throw FileError(.unsupported, path: checkpoint.path, "has no matrix of a type that can be written")
    }
    self.types = types
    origin = checkpoint.path
  }

  /// A saved recipe.
  /// - Throws: `FileError` when it cannot be read, is none, or names a type that is not known.
  public init(path: String) throws(FileError) {
    let bytes = try InputFile.contents(of: path, limit: Self.longest)
    var types: [String: JSONValue]?
    var version: Int?
    do throws(JSONError) {
      var reader = JSONReader(bytes)
      try reader.beginObject()
      while let key = try reader.nextKey() {
        guard key == "types", types == nil, try reader.peek() == .object else {
          let value = try JSONValue(&reader)
          if key == Self.key { version = value.int }
          continue
        }
        var members: [String: JSONValue] = [:]
        try reader.beginObject()
        while let name = try reader.nextKey() {
          // What is said twice is not guessed.
          guard members.updateValue(try JSONValue(&reader), forKey: name) == nil else {
            members[name] = .string("two types")
            continue
          }
        }
        types = members
      }
      try reader.finish()
    } catch {
      throw FileError(.malformed, path: path, "is no recipe: \(error)")
    }
    guard version == Self.version, let types, !types.isEmpty else {
      throw FileError(
        .unsupported, path: path,
        "is no recipe: an object with \"\(Self.key)\": \(Self.version) and \"types\", which names tensors, is expected, as --save-recipe writes it"
      )
    }
    try self.init(members: types, path: path)
    origin = path
  }

  /// Bytes of a recipe, at most.
  private static let longest = 1 << 26

  init(members: [String: JSONValue], path: String) throws(FileError) {
    var types: [String: TargetType] = [:]
    for (name, value) in members {
      guard let text = value.string else {
        throw FileError(.malformed, path: path, subject: name, "has no type: a text such as \"q4_k\" is expected")
      }
      guard let type = TargetType(text: text) else {
        throw FileError(
          .unsupported, path: path, subject: name,
          "has a type that is not known or cannot be written: \(FileError.quoted(text))")
      }
      types[name] = type
    }
    self.types = types
  }

  /// Name and type of each tensor.
  var members: [String: JSONValue] { types.mapValues { .string($0.text) } }

  /// The recipe as it is saved.
  /// - Parameter origin: how it was found, for people.
  public func document(origin: [String: JSONValue]) -> JSONValue {
    [Self.key: .integer(Self.version), "types": .object(members), "origin": .object(origin)]
  }

  /// Names of tensors that it does not name, though it does those of other layers that are named alike.
  func missed(of names: [String]) -> [String] {
    let kinds = Set(types.keys.map(LayerNames.kind))
    return names.filter { types[$0] == nil && kinds.contains(LayerNames.kind(of: $0)) }
  }

  /// - Parameters:
  ///   - outputs: shapes of the tensors of the output, by name.
  ///   - path: of the output.
  /// - Throws: `FileError` when it names tensors that an output does not have, or that get no such type.
  func check(against outputs: [String: [Int]], path: String) throws(FileError) {
    let unknown = types.keys.filter { outputs[$0] == nil }
    if let first = unknown.min(by: LayerNames.precedes) {
      throw FileError(
        .mismatch, path: origin ?? path, subject: first,
        "has a type here, and the output \(path) has no such tensor"
          + (unknown.count > 1 ? "; nor \(unknown.count - 1) more of them" : "")
          + ": is it for another model or container?")
    }
    let vectors = types.filter { name, type in !type.isElement && outputs[name]?.count ?? 0 < 2 }
    if let first = vectors.keys.min(by: LayerNames.precedes) {
      throw FileError(
        .unsupported, path: origin ?? path, subject: first,
        "is no matrix, and cannot be \(vectors[first]?.text ?? "")")
    }
  }
}
