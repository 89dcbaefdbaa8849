internal import Architectures
internal import Bytes
internal import Conversion
internal import Tensors

/// Gets weights by their derivations and compares their shapes with what the model asks for.
struct WeightLoader {
  let modelName: String
  /// What tells linear layers from each other, by the derivations of their weights.
  let keys: [Derivation: String]
  let weights: (Derivation) throws(FileError) -> (any RowSource)?

  func tensor(_ weight: ForwardPass.Weight) throws(FileError) -> any RowSource {
    guard let source = try optional(weight) else { throw FileError.noSuchTensor(weight.name, in: modelName) }
    return source
  }

  func optional(_ weight: ForwardPass.Weight) throws(FileError) -> (any RowSource)? {
    guard let source = try weights(weight.derivation) else { return nil }
    guard source.shape == weight.shape else {
      throw FileError(
        .mismatch, path: modelName, subject: weight.name,
        "the shape is \(source.shape), but the configuration asks for \(weight.shape)")
    }
    return source
  }

  /// All values of a vector; nil for one that is not there.
  func vector(_ weight: ForwardPass.Weight?) throws(FileError) -> [Float]? {
    guard let weight else { return nil }
    return weight.isOptional ? try optional(weight)?.values() : try tensor(weight).values()
  }

  func linear(_ linear: ForwardPass.Linear) throws(FileError) -> LinearLayer {
    LinearLayer(
      name: linear.weight.name, key: key(linear), weight: try tensor(linear.weight),
      bias: try vector(linear.bias))
  }

  private func key(_ linear: ForwardPass.Linear) -> String { keys[linear.weight.derivation] ?? linear.weight.name }

  func head(_ head: ForwardPass.Linear) throws(FileError) -> LinearLayer {
    guard let source = try optional(head.weight) else {
      throw FileError(
        .missing, path: modelName, subject: head.weight.name,
        "there is no such tensor, and the configuration does not say that the embedding is used for it")
    }
    return LinearLayer(
      name: head.weight.name, key: key(head), weight: source, bias: try vector(head.bias))
  }

  /// One layer for each matrix of a stack.
  func experts(_ linear: ForwardPass.Linear, count: Int) throws(FileError) -> [LinearLayer] {
    var layers: [LinearLayer] = []
    for number in 0..<count {
      let expert = linear.expert(number, of: count)
      layers.append(
        LinearLayer(
          name: ExpertName(weight: expert.weight.name, number: number, count: count).description,
          key: key(expert), weight: try tensor(expert.weight), bias: try vector(expert.bias)))
    }
    return layers
  }

  func norm(_ normalization: ForwardPass.Normalization) throws(FileError) -> LoadedNorm {
    var weight = try vector(normalization.weight) ?? []
    let offset = normalization.norm.weightOffset
    if offset != 0 { for index in weight.indices { weight[index] += offset } }
    return LoadedNorm(
      norm: normalization.norm, weight: weight, bias: try vector(normalization.bias) ?? [],
      heads: normalization.heads)
  }
}
