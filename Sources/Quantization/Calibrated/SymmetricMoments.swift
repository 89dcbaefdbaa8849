/// A symmetric matrix of second moments, its lower triangle: row `i` has `i + 1` values.
public struct SymmetricMoments: Hashable, Sendable {
  /// Rows, and columns.
  public let order: Int
  /// Row after row.
  public let values: [Float]

  /// - Precondition: there are `order * (order + 1) / 2` values.
  public init(order: Int, values: [Float]) {
    precondition(values.count == Self.count(order: order), "a triangle has all its values")
    self.order = order
    self.values = values
  }

  /// The triangle that has so many values.
  /// - Precondition: there is one.
  public init(triangle values: [Float]) { self.init(order: Self.order(count: values.count) ?? 0, values: values) }

  /// The order of a triangle of so many values; nil where none has.
  public static func order(count: Int) -> Int? {
    let order = Int((Double(8 * count + 1).squareRoot() - 1) / 2)
    return Self.count(order: order) == count ? order : nil
  }

  /// Values of a triangle.
  public static func count(order: Int) -> Int { order * (order + 1) / 2 }

  subscript(_ row: Int, _ column: Int) -> Float {
    let (low, high) = row > column ? (column, row) : (row, column)
    return values[high * (high + 1) / 2 + low]
  }

  public var diagonal: [Float] { (0..<order).map { values[$0 * ($0 + 3) / 2] } }

  /// The mean of the diagonal.
  var meanDiagonal: Double {
    order == 0 ? 0 : diagonal.reduce(0) { $0 + Double($1) } / Double(order)
  }
}
