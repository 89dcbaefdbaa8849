public import Architectures
public import Bytes
public import Conversion
public import Tensors

/// A model that runs straight from its encoded weights: they are read and decoded a panel of rows at a time and never held
/// in memory as a whole.
///
/// Numbers are Float; results do not depend on the number of workers.
public struct LoadedModel: LanguageModel {
  /// What messages call it: a path.
  public let name: String
  public let vocabularySize: Int
  /// Columns of the hidden states.
  public let hiddenSize: Int
  /// Whether the head is a weight of its own, rather than the embedding.
  public let hasOwnHead: Bool

  /// The linear layers, the head last.
  public let linears: [ForwardPass.NamedLinear]
  let steps: [Step]
  /// The steps of each layer. Between them nothing but the stream is handed on.
  let layers: [Range<Int>]
  let finalNorm: LoadedNorm?
  let finalProjection: LinearLayer?
  let head: LinearLayer
  let logitScale: Float
  let logitSoftCap: Float?
  let widths: [ForwardPass.Register: Int]

  /// Finds the weights and checks every shape; reads the norms and biases.
  /// - Parameters:
  ///   - pass: what computes the model.
  ///   - name: what messages call the model: a path.
  ///   - weights: the tensor of a derivation from those of the Hugging Face form; nil where there is none.
  /// - Throws: `FileError` when a tensor is missing or its shape does not fit; what `weights` throws.
  public init(
    _ pass: ForwardPass, name: String = "model",
    weights: @escaping (Derivation) throws(FileError) -> (any RowSource)?
  ) throws(FileError) {
    let linears = pass.linears
    let loader = WeightLoader(
      modelName: name,
      keys: Dictionary(linears.map { ($0.linear.weight.derivation, $0.key) }) { first, _ in first }, weights: weights)
    self.linears = linears
    self.name = name
    vocabularySize = pass.vocabularySize
    hiddenSize = pass.hiddenSize
    hasOwnHead = pass.hasOwnHead
    logitScale = pass.logitScale
    logitSoftCap = pass.logitSoftCap
    widths = pass.widths
    layers = pass.layers
    var steps: [Step] = []
    steps.reserveCapacity(pass.operations.count)
    for operation in pass.operations { steps.append(try Step(operation, loader)) }
    self.steps = steps
    finalNorm = try pass.finalNorm.map(loader.norm)
    finalProjection = try pass.finalProjection.map(loader.linear)
    head = try loader.head(pass.head)
  }

  /// The model of a checkpoint in any container, with its adapters.
  ///
  /// Norms and biases are read; the other weights are read and decoded whenever the model runs.
  /// - Throws: `FileError` when nothing is known of the model, a tensor is missing or its shape does not fit.
  public init(running checkpoint: Checkpoint) throws(FileError) {
    let model = try checkpoint.requireModel()
    let known = Dictionary(
      checkpoint.tensors.map { ($0.name, $0.derivation) }, uniquingKeysWith: { first, _ in first })
    try self.init(try model.forwardPass(path: checkpoint.path), name: checkpoint.path) {
      derivation throws(FileError) in
      guard derivation.sources.allSatisfy({ known[$0.name] != nil }) else { return nil }
      return try DerivedTensor(derivation.substituting(known), inputs: checkpoint.inputs)
    }
  }
}

/// Makes a model of a checkpoint that can be run and measured. Its weights stay where they are.
/// - Throws: `FileError` when nothing is known of the model, a tensor is missing or its shape does not fit.
public func load(_ checkpoint: Checkpoint) throws(FileError) -> LoadedModel {
  try LoadedModel(running: checkpoint)
}
