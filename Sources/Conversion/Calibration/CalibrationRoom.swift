internal import Bytes
internal import Dispatch

/// Lets as many matrices be encoded at a time as fit in memory: moments and their factors are squares of rows and columns.
final class CalibrationRoom: Sendable {
  private let places: DispatchSemaphore

  /// - Parameters:
  ///   - largest: bytes that encoding the largest matrix takes.
  ///   - memory: bytes that may be taken.
  init(largest: Double, memory: Int) {
    places = DispatchSemaphore(value: max(1, Int(min(1024, Double(memory) / max(1, largest)))))
  }

  /// Does something that takes such memory. Whoever is in it waits for nobody, so that it is never waited for long.
  func enter<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
    places.wait()
    defer { places.signal() }
    return try body()
  }

  /// Bytes that encoding a matrix takes, about.
  static func memory(rows: Int, columns: Int) -> Double {
    let (rows, columns) = (Double(rows), Double(columns))
    // Moments as they are stored, in Double while they are factored, the factor and the damped moments.
    let squares = (2 + 8 + 4 + 4) * (rows * rows + columns * columns)
    // The weights, targets, errors, slopes, and what is decoded.
    return squares + 9 * 4 * rows * columns
  }
}
