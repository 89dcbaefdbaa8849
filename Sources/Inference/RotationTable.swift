internal import RealModule

/// Cosines and sines of the angles of rotary embedding: `pairs` of each for every position, position after position.
@_spi(Benchmarks) public struct RotationTable: Sendable {
  let positions: Int
  let pairs: Int
  let cosines: [Float]
  let sines: [Float]

  /// - Parameters:
  ///   - frequencies: radians a position for each pair.
  ///   - factor: what cosines and sines are multiplied by.
  public init(frequencies: [Float], factor: Float = 1, positions: Int) {
    self.positions = positions
    self.pairs = frequencies.count
    var cosines: [Float] = []
    var sines: [Float] = []
    cosines.reserveCapacity(positions * pairs)
    sines.reserveCapacity(positions * pairs)
    for position in 0..<positions {
      for frequency in frequencies {
        // The angle is rounded to Float, as checkpoints were trained with it.
        let angle = Double(Float(position) * frequency)
        cosines.append(Float(Double.cos(angle)) * factor)
        sines.append(Float(Double.sin(angle)) * factor)
      }
    }
    self.cosines = cosines
    self.sines = sines
  }

  private init(positions: Int, pairs: Int, cosines: [Float], sines: [Float]) {
    (self.positions, self.pairs, self.cosines, self.sines) = (positions, pairs, cosines, sines)
  }

  /// That of a single position.
  func row(_ position: Int) -> RotationTable {
    let part = position * pairs..<(position + 1) * pairs
    return RotationTable(
      positions: 1, pairs: pairs, cosines: Array(cosines[part]), sines: Array(sines[part]))
  }

  /// What turns the other way round: for gradients.
  var reversed: RotationTable {
    RotationTable(positions: positions, pairs: pairs, cosines: cosines, sines: sines.map { -$0 })
  }
}
