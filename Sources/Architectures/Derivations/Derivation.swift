/// A tensor of one of the inputs: number 0 is the model, the adapters follow.
public struct TensorReference: Hashable, Sendable {
  public var input: Int
  public var name: String

  public init(_ name: String, input: Int = 0) {
    self.name = name
    self.input = input
  }
}

/// How an output tensor comes from input tensors: a small value that a plan holds and the pour carries out, slab by
/// slab. What can be done with tensors is a `TensorTransform`, a file each.
public indirect enum Derivation: Sendable {
  /// The input tensor as it is.
  case source(TensorReference)
  /// What a transform makes of other tensors. Made by `making`, which leaves out what undoes itself.
  case made(any TensorTransform, of: [Derivation])

  /// What `transform` makes of `inputs`, and nothing but an input where the one undoes the other.
  public static func making(_ transform: any TensorTransform, of inputs: [Derivation]) -> Derivation {
    transform.simplified(of: inputs) ?? .made(transform, of: inputs)
  }

  /// The model's tensor of that name.
  public static func source(named name: String) -> Derivation { .source(TensorReference(name)) }

  /// What `transform` makes of this.
  public func applying(_ transform: any TensorTransform) -> Derivation { .making(transform, of: [self]) }

  /// The inputs this needs, in order.
  public var sources: [TensorReference] {
    switch self {
    case .source(let reference): [reference]
    case .made(_, let inputs): inputs.flatMap(\.sources)
    }
  }

  /// Whether encoded rows can be copied without decoding them: nothing changes but their places.
  public var keepsRows: Bool {
    switch self {
    case .source: true
    case .made(let transform, let inputs): transform is any RowTransform && inputs.allSatisfy(\.keepsRows)
    }
  }

  /// Whether something in it is rounded and undoes what was rounded before, or will be undone.
  public var isRounded: Bool {
    guard case .made(let transform, let inputs) = self else { return false }
    return (transform as? any InvertibleTransform)?.isRounded ?? false || inputs.contains(where: \.isRounded)
  }

  /// This with the tensors of the model replaced by the way they come about.
  public func substituting(_ derivations: [String: Derivation]) -> Derivation {
    switch self {
    case .source(let reference): derivations[reference.name] ?? self
    case .made(let transform, let inputs): .making(transform, of: inputs.map { $0.substituting(derivations) })
    }
  }
}

extension Derivation: Hashable {
  public static func == (one: Derivation, other: Derivation) -> Bool {
    switch (one, other) {
    case (.source(let one), .source(let other)): one == other
    case (.made(let one, let inputs), .made(let other, let others)): one.isEqual(to: other) && inputs == others
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .source(let reference): hasher.combine(reference)
    case .made(let transform, let inputs):
      transform.hash(into: &hasher)
      hasher.combine(inputs)
    }
  }
}

extension TensorTransform {
  fileprivate func isEqual(to other: any TensorTransform) -> Bool { (other as? Self) == self }
}

/// An output tensor and where it comes from.
public struct NamedDerivation: Hashable, Sendable {
  public var name: String
  public var derivation: Derivation

  public init(name: String, derivation: Derivation) {
    self.name = name
    self.derivation = derivation
  }

  /// A stored tensor as it is.
  public init(asStored name: String) { self.init(name: name, derivation: .source(named: name)) }
}
