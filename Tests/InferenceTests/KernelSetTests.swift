import Architectures
@_spi(Benchmarks) import Quantization
import TestSupport
import Testing

@_spi(Benchmarks) @testable import Inference

@Suite struct KernelSetTests {
  private static func random(_ rows: Int, _ columns: Int, _ generator: inout SeededGenerator) -> Matrix {
    let matrix = Matrix(rows: rows, columns: columns)
    matrix.withMutableRows(0..<rows) { values in
      for index in values.indices { values[index] = Float.random(in: -20...20, using: &generator) }
    }
    return matrix
  }

  private static func values(_ matrix: Matrix) -> [Float] {
    (0..<matrix.rows).flatMap { row in matrix.withRow(row) { span in span.indices.map { span[$0] } } }
  }

  /// What every kernel but the product makes of random values; sizes that are not multiples of a vector.
  private static func bits(_ kernels: KernelSet) -> [UInt64] {
    var generator = SeededGenerator(seed: 9)
    let rows = 7
    let columns = 90
    let input = random(rows, columns, &generator)
    let other = random(rows, columns, &generator)
    let row = (0..<columns).map { _ in Float.random(in: -1...1, using: &generator) }
    let outputs = (0..<10).map { _ in random(rows, columns, &generator) }
    let angles = RotationTable(frequencies: (0..<columns / 2).map { 1 / Float($0 + 1) }, positions: rows)
    kernels.normalize(input.part(), weight: row, epsilon: 1e-5, into: outputs[0].part())
    kernels.activate(input.part(), other.part(), into: outputs[1].part())
    kernels.rotate(input.part(), by: angles, scale: 0.3, into: outputs[2].part())
    kernels.add(row, columns: 0..<columns, to: outputs[3].part())
    kernels.causalSoftmax(outputs[3].part(), firstQuery: 80, firstKey: 3, window: 50)
    kernels.normalizeLayer(input.part(), weight: row, bias: row, epsilon: 1e-5, into: outputs[4].part())
    for (number, activation) in Activation.allCases.enumerated() where activation != .silu {
      kernels.activate(
        input.part(), number.isMultiple(of: 2) ? other.part() : nil, activation, into: outputs[4 + number].part())
    }
    kernels.softCap(outputs[5].part(), cap: 0.7)
    kernels.causalSoftmax(outputs[5].part(), firstQuery: 80, firstKey: 3, window: .max, slope: 0.01, sink: 0.3)
    let some = RotationTable(frequencies: (0..<20).map { 1 / Float($0 + 1) }, positions: rows)
    kernels.rotate(other.part(), by: some, isInterleaved: true, scale: 0.3, into: outputs[9].part())
    var squares = [Double](repeating: 0.1, count: columns)
    kernels.addSquares(of: input.part(), to: &squares)
    var sums = [SquareSum](repeating: .zero, count: columns)
    #expect(kernels.addSquaresExactly(of: input.part(), to: &sums))
    return sums.map { UInt64(truncatingIfNeeded: $0.units) } + squares.map(\.bitPattern)
      + outputs.flatMap { values($0).map { UInt64($0.bitPattern) } }
  }

  @Test("Row kernels give the same bits on all instruction sets", arguments: KernelSet.all)
  func rows(kernels: KernelSet) throws {
    #expect(Self.bits(kernels) == Self.bits(try #require(KernelSet.named("baseline"))))
  }

  /// A product of random matrices that are parts of wider ones, and what it is in Double.
  private static func product(
    _ size: (rows: Int, columns: Int, depth: Int), isPlain: Bool, adding: Bool, _ kernels: KernelSet,
    rowsAtATime: Int? = nil
  ) -> (values: [Float], error: Double) {
    var generator = SeededGenerator(seed: 17)
    let (m, n, k) = size
    let a = random(m, k + 3, &generator)
    let b = isPlain ? random(k, n + 1, &generator) : random(n, k + 5, &generator)
    let result = random(m, n + 2, &generator)
    let before = values(result)
    let memory = KernelSet.productMemory()
    memory.withMutableRows(0..<1) { span in for index in span.indices { span[index] = .nan } }
    for rows in Panel.pieces(m, of: rowsAtATime ?? m) {
      let (left, target) = (a.part(rows: rows, columns: 2..<2 + k), result.part(rows: rows, columns: 1..<1 + n))
      if isPlain {
        kernels.multiply(left, b.part(columns: 0..<n), into: target, memory: memory)
      } else {
        kernels.multiply(left, transposed: b.part(columns: 5..<5 + k), into: target, adding: adding, memory: memory)
      }
    }
    let (lefts, rights, after) = (values(a), values(b), values(result))
    var error = 0.0
    for row in 0..<m {
      for column in -1...n {
        let place = row * (n + 2) + column + 1
        var expected = column < 0 || column == n || adding ? Double(before[place]) : 0
        if column >= 0, column < n {
          for step in 0..<k {
            let right = isPlain ? rights[step * (n + 1) + column] : rights[column * (k + 5) + 5 + step]
            expected += Double(lefts[row * (k + 3) + 2 + step]) * Double(right)
          }
        }
        let difference = abs(expected - Double(after[place]))
        if !(difference <= error) { error = difference }
      }
    }
    return (after, error)
  }

  /// Sizes below, at and beyond those of tiles, blocks and runs of a sum.
  private static let sizes = [
    (rows: 1, columns: 1, depth: 1), (rows: 2, columns: 32, depth: 16), (rows: 12, columns: 33, depth: 256),
    (rows: 97, columns: 17, depth: 257), (rows: 5, columns: 513, depth: 31), (rows: 25, columns: 64, depth: 530),
  ]

  @Test(arguments: KernelSet.all, sizes)
  func products(kernels: KernelSet, size: (rows: Int, columns: Int, depth: Int)) throws {
    for (isPlain, adding) in [(false, false), (false, true), (true, false)] {
      let (values, error) = Self.product(size, isPlain: isPlain, adding: adding, kernels)
      #expect(error < 1e-3 * Double(size.depth).squareRoot(), "\(isPlain) \(adding)")
      // Not a bit depends on how the rows are divided.
      let pieces = Self.product(size, isPlain: isPlain, adding: adding, kernels, rowsAtATime: 7).values
      #expect(pieces.map(\.bitPattern) == values.map(\.bitPattern), "\(isPlain) \(adding)")
      // Nor on the set, where it fuses multiplication and addition.
      if kernels.name != "baseline", let v3 = KernelSet.named("v3") {
        let same = Self.product(size, isPlain: isPlain, adding: adding, v3).values
        #expect(same.map(\.bitPattern) == values.map(\.bitPattern), "\(isPlain) \(adding)")
      }
    }
  }

  @Test func softmaxSeesItsWindowOnly() {
    let scores = Matrix(rows: 3, columns: 8)
    scores.withMutableRows(0..<3) { values in for index in values.indices { values[index] = 5 } }
    KernelSet.best.causalSoftmax(scores.part(), firstQuery: 5, firstKey: 1, window: 3)
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
    KernelSet.best.activate(gate.part(), ones.part(), into: output.part())
    output.withRow(0) { span in
      #expect(abs(span[0]) < 1e-30 && abs(span[1]) < 1e-30 && span[4] == 0 && span[7] == 88 && span[8] == 1000)
      #expect(abs(span[3] + 0.268_941_42) < 1e-6 && abs(span[5] - 0.731_058_6) < 1e-6)
    }
  }
}
