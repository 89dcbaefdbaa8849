internal import Bytes

/// All names of a model in both ecosystems, as rows that are asked in either direction. No name is matched against a
/// pattern: a model may have hundreds of thousands.
public struct TensorTable: Sendable {
  /// Where a name stands in the table.
  private struct Place {
    let layer: Int?
    let kind: Int?
    let row: Int
  }

  private struct Rows: Sendable {
    var rows: [TensorRow] = []
    /// Rows by names, those of experts by their pattern.
    var huggingFace: [String: Int] = [:]
    var gguf: [String: Int] = [:]
    /// Rows of a module and kind.
    var modules: [ModuleTensor: (row: Int, part: Int)] = [:]

    init(_ rows: [TensorRow]) {
      self.rows = rows
      for (number, row) in rows.enumerated() {
        for name in row.huggingFace.patterns { huggingFace[name] = huggingFace[name] ?? number }
        for name in row.gguf.patterns { gguf[name] = gguf[name] ?? number }
        for (part, tensor) in row.tensors.enumerated() { modules[tensor] = modules[tensor] ?? (number, part) }
      }
    }
  }

  private let globals: Rows
  private let kinds: [Rows]
  private let kindOfLayer: [Int]
  /// What stands before names in the Hugging Face form: `model.` of all but the head, and `model.layers.` of layers.
  private let layerPrefix: String
  /// Beginnings of names that belong to other parts of a composite model.
  let foreignPrefixes: [String]
  /// Endings of names in the Hugging Face form that nobody needs.
  let droppedEndings: [String]

  static let ggufLayerPrefix = "blk."

  init(
    globals: [TensorRow], kinds: [[TensorRow]], kindOfLayer: [Int], layerPrefix: String,
    foreignPrefixes: [String] = [], droppedEndings: [String] = [".rotary_emb.inv_freq"]
  ) {
    self.globals = Rows(globals)
    self.kinds = kinds.map { Rows($0) }
    self.kindOfLayer = kindOfLayer
    self.layerPrefix = layerPrefix
    self.foreignPrefixes = foreignPrefixes
    self.droppedEndings = droppedEndings
  }

  // MARK: - Names

  /// `12` and `attn_q.weight` of `blk.12.attn_q.weight`. The number is spelled as it is written: no sign, no zeros before.
  private static func layerAndRest(of name: String, _ prefix: String) -> (layer: Int, rest: Substring)? {
    guard name.hasPrefix(prefix) else { return nil }
    let tail = name.dropFirst(prefix.count)
    guard let dot = tail.firstIndex(of: ".") else { return nil }
    guard let layer = Int(tail[..<dot]), layer >= 0, String(layer) == tail[..<dot] else { return nil }
    return (layer, tail[tail.index(after: dot)...])
  }

  /// A name with its first part that is a number replaced by a placeholder, and that number.
  private static func pattern(of rest: Substring) -> (pattern: String, expert: Int?) {
    let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
    guard let digits = parts.first(where: { $0.first?.isNumber == true }), let expert = Int(digits),
      String(expert) == digits
    else { return (String(rest), nil) }
    return (rest[..<digits.startIndex] + TensorRow.Spelling.placeholder + rest[digits.endIndex...], expert)
  }

  private func place(ofHuggingFace name: String) -> Place? {
    if let row = globals.huggingFace[name] { return Place(layer: nil, kind: nil, row: row) }
    guard let (layer, rest) = Self.layerAndRest(of: name, layerPrefix), kindOfLayer.indices.contains(layer) else {
      return nil
    }
    let kind = kindOfLayer[layer]
    if let row = kinds[kind].huggingFace[String(rest)] { return Place(layer: layer, kind: kind, row: row) }
    let (pattern, expert) = Self.pattern(of: rest)
    guard let expert, let row = kinds[kind].huggingFace[pattern],
      case .experts(_, let count) = kinds[kind].rows[row].huggingFace, expert < count
    else { return nil }
    return Place(layer: layer, kind: kind, row: row)
  }

  private func place(ofGGUF name: String) -> Place? {
    if let row = globals.gguf[name] { return Place(layer: nil, kind: nil, row: row) }
    guard let (layer, rest) = Self.layerAndRest(of: name, Self.ggufLayerPrefix),
      kindOfLayer.indices.contains(layer), let row = kinds[kindOfLayer[layer]].gguf[String(rest)]
    else { return nil }
    return Place(layer: layer, kind: kindOfLayer[layer], row: row)
  }

  private func row(_ place: Place) -> TensorRow {
    place.kind.map { kinds[$0].rows[place.row] } ?? globals.rows[place.row]
  }

  private func huggingFaceName(_ name: String, _ layer: Int?) -> String {
    layer.map { "\(layerPrefix)\($0).\(name)" } ?? name
  }

  private func ggufName(_ name: String, _ layer: Int?) -> String {
    layer.map { "\(Self.ggufLayerPrefix)\($0).\(name)" } ?? name
  }

  /// Whether a name of the Hugging Face form is one of this model.
  public func knows(huggingFace name: String) -> Bool { place(ofHuggingFace: name) != nil }

  /// What linear layer a tensor of the Hugging Face form is the weight of; nil for the head and what is none.
  func linearLayer(huggingFace name: String) -> LinearLayer? {
    guard let place = place(ofHuggingFace: name) else { return nil }
    let row = row(place)
    guard row.tensors.allSatisfy({ $0.kind == .weight && $0.role.isLinear }) else { return nil }
    if row.tensors.contains(where: { $0.role.isOfExperts }) { return .expert }
    return row.isStoredTransposed ? .transposed : .plain
  }

  /// Whether a weight of the Hugging Face form is stored `[in, out]`.
  func isStoredTransposed(huggingFace name: String) -> Bool {
    place(ofHuggingFace: name).map { row($0).isStoredTransposed } ?? false
  }

  /// Whether nobody needs a tensor of the Hugging Face form.
  public func isDropped(_ name: String) -> Bool { droppedEndings.contains { name.hasSuffix($0) } }

  /// Whether a tensor belongs to another part of a composite model, such as its vision tower.
  public func isForeign(_ name: String) -> Bool { foreignPrefixes.contains { name.hasPrefix($0) } }

  /// The number of the layer that a tensor of the Hugging Face form is in.
  public func layer(ofHuggingFace name: String) -> Int? { place(ofHuggingFace: name)?.layer }

  /// The one tensor of the model that a name of the Hugging Face form stands for, its layer, and the expert that it is of.
  func module(huggingFace name: String) -> (tensor: ModuleTensor, layer: Int?, expert: Int?)? {
    guard let place = place(ofHuggingFace: name) else { return nil }
    let row = row(place)
    switch row.huggingFace {
    case .each(let names):
      guard let part = names.firstIndex(where: { huggingFaceName($0, place.layer) == name }) else { return nil }
      return (row.tensors[part], place.layer, nil)
    case .experts:
      let rest = Self.layerAndRest(of: name, layerPrefix)?.rest ?? name[...]
      return Self.pattern(of: rest).expert.map { (row.tensors[0], place.layer, $0) }
    case .fused, .nowhere: return nil
    }
  }

  /// The rows of a layer, or of what is outside of layers.
  func rows(ofLayer layer: Int?) -> [TensorRow] { (layer.map { kinds[kindOfLayer[$0]] } ?? globals).rows }

  /// The name of the Hugging Face form that a row has without the prefix of its layer.
  func storedName(_ name: String, layer: Int?) -> String { huggingFaceName(name, layer) }

  // MARK: - Directions

  /// How each tensor of the Hugging Face form comes from those of a GGUF.
  /// - Parameter names: those that the GGUF has.
  /// - Returns: in the order of the names.
  /// - Throws: `FileError` for a name that is not in the table.
  func huggingFaceTensors(
    fromGGUF names: [String], unknown: (String) -> FileError
  ) throws(FileError) -> [NamedDerivation] {
    var result: [NamedDerivation] = []
    result.reserveCapacity(names.count)
    for name in names {
      guard let place = place(ofGGUF: name) else { throw unknown(name) }
      let row = row(place)
      // Several tensors of one row are dealt with at the first of them.
      guard ggufName(row.gguf.names[0], place.layer) == name else { continue }
      for tensor in row.huggingFaceTensors({ .source(named: ggufName($0, place.layer)) }) {
        result.append(
          NamedDerivation(name: huggingFaceName(tensor.name, place.layer), derivation: tensor.derivation))
      }
    }
    return result
  }

  /// How each tensor of a GGUF comes from those of the Hugging Face form.
  /// - Parameter names: those that are there.
  /// - Returns: in the order of the names.
  /// - Throws: `FileError` for a name that is not in the table.
  func ggufTensors(
    fromHuggingFace names: [String], unknown: (String) -> FileError
  ) throws(FileError) -> [NamedDerivation] {
    var result: [NamedDerivation] = []
    result.reserveCapacity(names.count)
    for name in names where !isDropped(name) && !isForeign(name) {
      guard let place = place(ofHuggingFace: name) else { throw unknown(name) }
      let row = row(place)
      guard huggingFaceName(row.huggingFace.firstName, place.layer) == name else { continue }
      for tensor in row.ggufTensors({ .source(named: huggingFaceName($0, place.layer)) }) {
        result.append(NamedDerivation(name: ggufName(tensor.name, place.layer), derivation: tensor.derivation))
      }
    }
    return result
  }

  /// What a tensor of the model is, from those of the Hugging Face form. Of experts it is the stack of all.
  func derivation(of tensor: ModuleTensor, layer: Int?) -> Derivation? {
    let rows = layer.map { kinds[kindOfLayer[$0]] } ?? globals
    guard let (number, part) = rows.modules[tensor] else { return nil }
    let parts = rows.rows[number].huggingFace.parts { .source(named: huggingFaceName($0, layer)) }
    return parts.indices.contains(part) ? parts[part] : nil
  }

  /// The name of a tensor that is stored by itself.
  func huggingFaceName(of tensor: ModuleTensor) -> String? {
    guard let (number, part) = globals.modules[tensor], case .each(let names) = globals.rows[number].huggingFace
    else { return nil }
    return names[part]
  }

  /// The name in a GGUF of a tensor that is stored by itself.
  func ggufName(of tensor: ModuleTensor) -> String? {
    guard let (number, part) = globals.modules[tensor], case .each(let names) = globals.rows[number].gguf
    else { return nil }
    return names[part]
  }

  /// Names in a GGUF, with the shapes of first parts, of the tensors outside of layers and of one layer of each kind.
  var ggufTensors: [(name: String, shape: [Int])] {
    func tensors(_ rows: Rows, _ layer: Int?) -> [(name: String, shape: [Int])] {
      rows.rows.flatMap { row in
        row.gguf.names.enumerated().map { part, name in
          (ggufName(name, layer), row.shapes[min(part, row.shapes.count - 1)])
        }
      }
    }
    return tensors(globals, nil)
      + kinds.indices.flatMap { kind in kindOfLayer.firstIndex(of: kind).map { tensors(kinds[kind], $0) } ?? [] }
  }

  /// Name, shape and necessity of every tensor of the Hugging Face form.
  /// - Parameter most: where more than so many are necessary, the rest is not listed.
  func expectedTensors(most: Int) -> [ExpectedTensor] {
    var result: [ExpectedTensor] = []
    var necessary = 0
    func add(_ rows: Rows, _ layer: Int?) {
      for row in rows.rows where necessary <= most {
        let found = row.expected
        if !row.isOptional { necessary += found.count }
        for (name, shape) in found {
          result.append(ExpectedTensor(huggingFaceName(name, layer), shape, isOptional: row.isOptional))
        }
      }
    }
    add(globals, nil)
    for (layer, kind) in kindOfLayer.enumerated() where necessary <= most { add(kinds[kind], layer) }
    return result
  }
}

extension TensorRow.Spelling {
  /// Names, those of experts as one pattern.
  fileprivate var patterns: [String] {
    switch self {
    case .each(let names): names
    case .fused(let name, _): [name]
    case .experts(let pattern, _): [pattern]
    case .nowhere: []
    }
  }

  fileprivate var firstName: String {
    switch self {
    case .each(let names): names.first ?? ""
    case .fused(let name, _): name
    case .experts(let pattern, _): Self.name(pattern, expert: 0)
    case .nowhere: ""
    }
  }
}

/// A tensor that a configuration asks for.
public struct ExpectedTensor: Hashable, Sendable {
  public var name: String
  public var shape: [Int]
  /// Whether the model can do without it, such as biases.
  public var isOptional: Bool

  public init(_ name: String, _ shape: [Int], isOptional: Bool = false) {
    self.name = name
    self.shape = shape
    self.isOptional = isOptional
  }
}
