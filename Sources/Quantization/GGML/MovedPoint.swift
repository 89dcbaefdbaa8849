// What the IQ1 types share: eight elements are the coordinates -1, 0, 1 of a lattice's point, all moved by an eighth in
// the same direction, times a scale.
enum MovedPoint {
  static func values(_ code: Int, isDown: Bool, scale: Float) -> [Float] {
    Lattice.iq1.points[code].map { scale * ($0 + (isDown ? -0.125 : 0.125)) }
  }
}
