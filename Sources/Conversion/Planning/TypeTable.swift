public import Bytes
public import JSON
internal import Quantization
internal import Tensors

/// A type for each of some output tensors, by their names; the others stay what they are.
public struct TypeTable: Sendable {
  public let types: [String: TargetType]

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
  }

  /// A saved recipe.
  /// - Throws: `FileError` when it cannot be read, is none, or names a type that is not known.
  public init(path: String) throws(FileError) {
    let document: JSONValue
    do {
      document = try JSONValue(parsing: try TextFile.utf8(of: path))
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(.malformed, path: path, "is no recipe: \(error)")
    }
    guard document[Self.key]?.int == Self.version, let types = document["types"]?.object else {
      throw FileError(
        .unsupported, path: path,
        "is no recipe: an object with \"\(Self.key)\": \(Self.version) and \"types\" is expected, as --save-recipe writes it"
      )
    }
    try self.init(members: types, path: path)
  }

  init(members: [String: JSONValue], path: String) throws(FileError) {
    var types: [String: TargetType] = [:]
    for (name, value) in members {
      guard let type = value.string.flatMap(TargetType.init(text:)) else {
        throw FileError(
          .unsupported, path: path, subject: name,
          "has a type that is not known or cannot be written: \(FileError.quoted(value.string ?? "no text"))")
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
    let kinds = Set(types.keys.map { name in name.filter { !$0.isNumber } })
    return names.filter { name in types[name] == nil && kinds.contains(name.filter { !$0.isNumber }) }
  }

  /// - Throws: `FileError` when it names tensors that an output does not have.
  func check(against names: Set<String>, path: String) throws(FileError) {
    let unknown = types.keys.filter { !names.contains($0) }.sorted(by: LayerNames.precedes)
    guard let first = unknown.first else { return }
    throw FileError(
      .mismatch, path: path, subject: first,
      "is named by the recipe, and the output has no such tensor"
        + (unknown.count > 1 ? "; nor \(unknown.count - 1) more of them" : "")
        + ": is it for another model or container?")
  }
}
