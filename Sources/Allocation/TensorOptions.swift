public import Conversion

/// A type that a tensor can be given, what that takes and what it costs.
public struct TypeOption: Sendable {
  public let type: TargetType
  public let byteCount: Int
  /// What is added to what the model loses: nats a token, where that is known; else in units of which only shares mean something.
  public let damage: Double

  public init(type: TargetType, byteCount: Int, damage: Double) {
    self.type = type
    self.byteCount = byteCount
    self.damage = damage
  }
}

/// A tensor that can be given one of several types.
public struct TensorOptions: Sendable {
  /// Of the output.
  public let name: String
  public let elementCount: Int
  /// At least one.
  public let options: [TypeOption]

  /// - Precondition: there is an option.
  public init(name: String, elementCount: Int, options: [TypeOption]) {
    precondition(!options.isEmpty, "a tensor is stored as something")
    self.name = name
    self.elementCount = elementCount
    self.options = options
  }
}
