internal import Synchronization

/// What calibrated encoding has gained, tensor by tensor.
public final class CalibrationGains: Sendable {
  public struct Gain: Hashable, Sendable {
    /// Of the output tensor.
    public var name: String
    public var type: String
    /// What the errors of the type's own encoder cost, by what was held back.
    public var reference = 0.0
    /// The same of what was taken.
    public var calibrated = 0.0
    /// Rows of which something is known.
    public var rows = 0
    /// Those whose calibrated codes were taken.
    public var calibratedRows = 0
  }

  private let gains = Mutex<[String: Gain]>([:])

  public init() {}

  /// Adds what is known of a matrix of a tensor.
  func add(_ gain: Gain) {
    gains.withLock { gains in
      guard var known = gains[gain.name] else { return gains[gain.name] = gain }
      known.reference += gain.reference
      known.calibrated += gain.calibrated
      known.rows += gain.rows
      known.calibratedRows += gain.calibratedRows
      gains[gain.name] = known
    }
  }

  /// By name.
  public var all: [Gain] { gains.withLock { $0.values.sorted { $0.name < $1.name } } }
}
