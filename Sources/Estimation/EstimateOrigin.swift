/// How an estimate was made.
public struct EstimateOrigin: Sendable {
  /// What the model is called.
  public let model: String
  /// The version of Decant.
  public let version: String
  /// The words of the command line, without what is secret in an address.
  public let command: [String]
  /// XXH3-128 of config.json; nil for a model without one.
  public let configDigest: String?

  public init(model: String, version: String, command: [String], configDigest: String?) {
    self.model = model
    self.version = version
    self.command = command
    self.configDigest = configDigest
  }
}
