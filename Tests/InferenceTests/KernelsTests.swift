import TestSupport
import Testing

@testable import Inference

@Suite(.serialized) struct KernelsTests {
  /// Other tests may run meanwhile: what is tested here is that they cannot notice.
  @Test func instructionSetsGiveTheSameBits() async throws {
    let usual = Kernels.instructionSet
    defer { _ = Kernels.use(instructionSet: usual) }
    var first: [UInt32] = []
    for name in ["baseline", "v3", "v4"] where Kernels.use(instructionSet: name) {
      #expect(Kernels.instructionSet == name)
      let bits = Self.bits()
      if first.isEmpty { first = bits }
      #expect(bits == first, "\(name)")
    }
    #expect(!first.isEmpty)
    #expect(!Kernels.use(instructionSet: "no such"))
  }

  /// What every kernel makes of random values; sizes that are no multiples of a vector.
  private static func bits() -> [UInt32] {
    var generator = SeededGenerator(seed: 9)
    func random(_ rows: Int, _ columns: Int) -> Matrix {
      let matrix = Matrix(rows: rows, columns: columns)
      matrix.withMutableRows(0..<rows) { values in
        for index in values.indices { values[index] = Float.random(in: -20...20, using: &generator) }
      }
      return matrix
    }
    let rows = 7
    let columns = 90
    let input = random(rows, columns)
    let other = random(rows, columns)
    let row = (0..<columns).map { _ in Float.random(in: -1...1, using: &generator) }
    let outputs = (0..<4).map { _ in random(rows, columns) }
    let angles = RotationTable(frequencies: (0..<columns / 2).map { 1 / Float($0 + 1) }, positions: rows)
    Kernels.normalize(input.part(), weight: row, epsilon: 1e-5, into: outputs[0].part())
    Kernels.gate(input.part(), other.part(), into: outputs[1].part())
    Kernels.rotate(input.part(), by: angles, scale: 0.3, into: outputs[2].part())
    Kernels.add(row, columns: 0..<columns, to: outputs[3].part())
    Kernels.causalSoftmax(outputs[3].part(), firstQuery: 80, firstKey: 3, window: 50)
    var squares = [Double](repeating: 0.1, count: columns)
    Kernels.addSquares(of: input.part(), to: &squares)
    var bits = squares.flatMap { [UInt32($0.bitPattern >> 32), UInt32(truncatingIfNeeded: $0.bitPattern)] }
    for output in outputs {
      for index in 0..<rows {
        output.withRow(index) { values in for place in values.indices { bits.append(values[place].bitPattern) } }
      }
    }
    return bits
  }

  @Test func softmaxSeesItsWindowOnly() {
    let scores = Matrix(rows: 3, columns: 8)
    scores.withMutableRows(0..<3) { values in for index in values.indices { values[index] = 5 } }
    Kernels.causalSoftmax(scores.part(), firstQuery: 5, firstKey: 1, window: 3)
    let expected: [[Float]] = [[0, 0, 1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1, 0]]
    for row in 0..<3 {
      scores.withRow(row) { values in
        for index in values.indices { #expect(abs(values[index] - expected[row][index] / 3) < 1e-7) }
      }
    }
  }

  @Test func extremeGatesStayFinite() {
    let values: [Float] = [-1000, -88, -20, -1, 0, 1, 20, 88, 1000]
    let gate = Matrix(rows: 1, columns: values.count)
    gate.withMutableRows(0..<1) { span in for index in span.indices { span[index] = values[index] } }
    let ones = Matrix(rows: 1, columns: values.count)
    ones.withMutableRows(0..<1) { span in for index in span.indices { span[index] = 1 } }
    let output = Matrix(rows: 1, columns: values.count)
    Kernels.gate(gate.part(), ones.part(), into: output.part())
    output.withRow(0) { span in
      #expect(abs(span[0]) < 1e-30 && abs(span[1]) < 1e-30 && span[4] == 0 && span[7] == 88 && span[8] == 1000)
      #expect(abs(span[3] + 0.268_941_42) < 1e-6 && abs(span[5] - 0.731_058_6) < 1e-6)
    }
  }
}
