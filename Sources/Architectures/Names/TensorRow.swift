/// A row of a family's table: what some tensors of a model are called in both ecosystems, and how the ones come from the
/// others.
public struct TensorRow: Sendable {
  /// How parts are spelled as stored tensors.
  enum Spelling: Sendable {
    /// One name for each part.
    case each([String])
    /// One name for all parts.
    case fused(String, Fusion)
    /// A name for each expert, with `{expert}` in it; one part, the stack of them.
    case experts(String, count: Int)
    /// Not stored.
    case nowhere

    /// Every name.
    var names: [String] {
      switch self {
      case .each(let names): names
      case .fused(let name, _): [name]
      case .experts(let pattern, let count): (0..<count).map { Self.name(pattern, expert: $0) }
      case .nowhere: []
      }
    }

    static let placeholder = "{expert}"

    static func name(_ pattern: String, expert: Int) -> String {
      guard let place = pattern.firstRange(of: placeholder) else { return pattern }
      return pattern[..<place.lowerBound] + String(expert) + pattern[place.upperBound...]
    }

    /// The parts, from the tensors of these names.
    func parts(_ tensor: (String) -> Derivation) -> [Derivation] {
      switch self {
      case .each(let names): names.map(tensor)
      case .fused(let name, let fusion):
        fusion.counts.indices.map { fusion.part($0, of: tensor(name)) }
      case .experts: [.making(Stack(), of: names.map(tensor))]
      case .nowhere: []
      }
    }

    /// The stored tensors, from the parts.
    func stored(_ parts: [Derivation]) -> [(name: String, derivation: Derivation)] {
      switch self {
      case .each(let names): Array(zip(names, parts).map { ($0, $1) })
      case .fused(let name, let fusion): [(name, fusion.whole(parts))]
      case .experts(_, let count):
        names.enumerated().map { number, name in (name, parts[0].applying(StackedTensor(number, of: count))) }
      case .nowhere: []
      }
    }
  }

  /// What the parts are.
  let tensors: [ModuleTensor]
  /// Their names in the Hugging Face form; in a layer without its prefix.
  let huggingFace: Spelling
  /// Their names in a GGUF; in a layer without `blk.N.`.
  let gguf: Spelling
  /// What turns each part into the one that a GGUF has; nil for those that are the same.
  let changes: [(any InvertibleTransform)?]
  /// Shapes of the parts.
  let shapes: [[Int]]
  let isOptional: Bool

  /// Whether the Hugging Face form has weights as `[in, out]`.
  var isStoredTransposed: Bool { if case .fused(_, let fusion) = huggingFace { fusion.isTransposed } else { false } }

  /// The stored tensors of a GGUF, from those of the Hugging Face form.
  func ggufTensors(_ tensor: (String) -> Derivation) -> [(name: String, derivation: Derivation)] {
    gguf.stored(
      zip(huggingFace.parts(tensor), changes).map { part, change in change.map { part.applying($0) } ?? part })
  }

  /// The stored tensors of the Hugging Face form, from those of a GGUF.
  func huggingFaceTensors(_ tensor: (String) -> Derivation) -> [(name: String, derivation: Derivation)] {
    huggingFace.stored(
      zip(gguf.parts(tensor), changes).map { part, change in change.map { part.applying($0.inverse) } ?? part })
  }

  /// Names and shapes of the stored tensors of the Hugging Face form.
  var expected: [(name: String, shape: [Int])] {
    switch huggingFace {
    case .each(let names): return zip(names, shapes).map { ($0, $1) }
    case .experts: return huggingFace.names.map { ($0, Array(shapes[0].dropFirst())) }
    case .fused(let name, let fusion):
      var shape = shapes[0]
      let place = fusion.isOfColumns ? shape.count - 1 : max(0, shape.count - 2)
      shape[place] = shapes.reduce(0) { $0 + $1[place] }
      if fusion.isTransposed { shape.swapAt(shape.count - 1, shape.count - 2) }
      return [(name, shape)]
    case .nowhere: return []
    }
  }
}
