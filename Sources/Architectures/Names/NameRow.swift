/// What a module is called in both ecosystems, as a family writes it down: the names of modules, without `.weight` and
/// `.bias`. Shapes, biases and whether a model has the module at all follow from its description.
struct NameRow: Sendable {
  /// How parts are fused in the one spelling.
  enum Arrangement: Sendable {
    /// A name for each.
    case each
    /// All of the first part, then all of the second.
    case blocks
    /// For each head of keys its queries, then its keys, then its values.
    case byKeyHead
    /// A row of the first, a row of the second, and so on.
    case alternating
    /// A name for each expert.
    case experts
    /// Not there.
    case nowhere
  }

  /// What is different in a GGUF.
  struct Change: Sendable {
    /// What turns a tensor of the Hugging Face form into that of the GGUF; nil where they are the same.
    let transform: @Sendable (_ role: ModuleRole, _ layer: DecoderLayer?) -> (any InvertibleTransform)?

    static let none = Change { _, _ in nil }
    /// 1 is added to every value.
    static let addsOne = Change { _, _ in Affine(offset: 1) }
    /// The rows of heads are interleaved, for llama.cpp's other kind of RoPE.
    static let interleavesHeads = Change { role, layer in
      guard let layer, [.query, .key].contains(role) else { return nil }
      return RowOrder(.interleaving, headDimension: layer.attention.headDimension)
    }
  }

  var roles: [ModuleRole]
  var huggingFace: [String]
  var arrangement: Arrangement
  var gguf: [String]
  var ggufArrangement: Arrangement
  var change: Change
  /// Whether weights are stored `[in, out]`.
  var isTransposed: Bool
  /// What follows names of modules in the Hugging Face form.
  var endings: (weight: String, bias: String)

  init(
    _ roles: ModuleRole..., huggingFace: [String], _ arrangement: Arrangement = .each, gguf: [String],
    _ ggufArrangement: Arrangement = .each, change: Change = .none, isTransposed: Bool = false,
    endings: (weight: String, bias: String) = (".weight", ".bias")
  ) {
    self.roles = roles
    self.huggingFace = huggingFace
    self.arrangement = arrangement
    self.gguf = gguf
    self.ggufArrangement = ggufArrangement
    self.change = change
    self.isTransposed = isTransposed
    self.endings = endings
  }

  /// A module that is one tensor in both.
  init(
    _ role: ModuleRole, _ huggingFace: String, _ gguf: String, change: Change = .none, isTransposed: Bool = false,
    endings: (weight: String, bias: String) = (".weight", ".bias")
  ) {
    self.init(
      role, huggingFace: [huggingFace], gguf: [gguf], change: change, isTransposed: isTransposed, endings: endings)
  }

  /// The rows of a table that this stands for in a model; none where the model has no such module.
  /// - Parameter kind: the kind of layer; nil outside of layers.
  func tensorRows(_ decoder: Decoder, kind: Int?) -> [TensorRow] {
    [ModuleTensor.Kind.weight, .bias].compactMap { tensorKind -> TensorRow? in
      let tensors = roles.map { ModuleTensor($0, tensorKind) }
      let found = tensors.compactMap { decoder.tensor($0, kind: kind) }
      guard found.count == roles.count, let first = found.first else { return nil }
      let layer = kind.map { decoder.layerKinds[$0] }
      let isVector = first.shape.count == 1
      return TensorRow(
        tensors: tensors,
        huggingFace: spelling(
          huggingFace.map { $0 + (tensorKind == .weight ? endings.weight : endings.bias) }, arrangement,
          found.map(\.shape),
          layer, isTransposed: isTransposed && !isVector && tensorKind == .weight,
          isOfColumns: tensorKind == .bias && first.shape.count > 1),
        gguf: spelling(
          gguf.map { $0 + (tensorKind == .weight ? ".weight" : ".bias") }, ggufArrangement, found.map(\.shape), layer,
          isTransposed: false, isOfColumns: false),
        changes: roles.map { change.transform($0, layer) }, shapes: found.map(\.shape),
        isOptional: found.contains(where: \.isOptional))
    }
  }

  private func spelling(
    _ names: [String], _ arrangement: Arrangement, _ shapes: [[Int]], _ layer: DecoderLayer?, isTransposed: Bool,
    isOfColumns: Bool
  ) -> TensorRow.Spelling {
    func fused(_ counts: [Int]) -> TensorRow.Spelling {
      .fused(names[0], Fusion(counts, isTransposed: isTransposed, isOfColumns: isOfColumns))
    }
    switch arrangement {
    case .nowhere: return .nowhere
    case .each: return isTransposed ? fused([1]) : .each(names)
    case .alternating: return fused(shapes.map { _ in 1 })
    case .blocks:
      return fused(shapes.map { isOfColumns ? $0[$0.count - 1] : $0[max(0, $0.count - 2)] })
    case .byKeyHead:
      let attention = layer?.attention
      let dimension = attention?.headDimension ?? 1
      return fused([(attention?.queriesPerKey ?? 1) * dimension, dimension, dimension])
    case .experts:
      return .experts(names[0], count: shapes[0][0])
    }
  }
}
