import Bytes
@_spi(Benchmarks) @testable import Quantization
import TestSupport
import Testing

/// Codes and scales that second moments choose.
@Suite struct CalibratedEncodingTests {
  /// Every type of levels and scales.
  static let names = Catalog.entries.filter { $0.codec() is any ScalarCodec }.map(\.name)

  private static func codec(_ name: String, _ kernels: KernelSet = .best) throws -> any ScalarCodec {
    try #require(Catalog.codec(named: name, kernels: kernels) as? any ScalarCodec)
  }

  /// Rows of a matrix, and moments of inputs and gradients that know of each other, as real ones do.
  struct Problem {
    let rows: Int, columns: Int
    let values: [Float]
    let inputs: SymmetricMoments
    let gradients: SymmetricMoments

    init(rows: Int, columns: Int, seed: UInt64 = 1) {
      var generator = SeededGenerator(seed: seed)
      self.rows = rows
      self.columns = columns
      values = (0..<rows * columns).map { _ in
        Float.random(in: -1...1, using: &generator) * Float.random(in: 0...1, using: &generator)
      }
      func moments(_ count: Int) -> SymmetricMoments {
        // A few directions shared by all, and noise.
        let tokens = (0..<count).map { _ -> [Float] in
          let common = (0..<6).map { _ in Float.random(in: -1...1, using: &generator) }
          return (0..<count).map { index in
            common[index % 6] * 2 + common[(index / 6) % 6] + Float.random(in: -0.5...0.5, using: &generator)
          }
        }
        var triangle: [Float] = []
        for row in 0..<count {
          for column in 0...row { triangle.append(tokens.reduce(0) { $0 + $1[row] * $1[column] } / Float(count)) }
        }
        return SymmetricMoments(order: count, values: triangle)
      }
      inputs = moments(columns)
      gradients = moments(rows)
    }

    /// `tr(G E H E^T)`.
    func quadratic(_ decoded: [Float], withGradients: Bool = true) -> Double {
      let layer = LayerMoments(
        key: "", tokens: 1, inputs: inputs, gradients: withGradients ? gradients : nil, squares: [], sample: nil)
      let errors = zip(decoded, values).map { $0 - $1 }
      return layer.damage(of: errors.span, rows: Array(0..<rows))
    }
  }

  static let problem = Problem(rows: 10, columns: 256)

  private static func decoded(_ bytes: [UInt8], _ codec: any Codec, _ count: Int) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    var span = values.mutableSpan
    bytes.withBytes { codec.decode($0, into: &span) }
    return values
  }

  /// What is found can be stored: the bytes decode to the values that were chosen.
  @Test(arguments: names) func isStoredAsItWasChosen(_ name: String) throws {
    let problem = Self.problem
    let codec = try Self.codec(name)
    let coded = try CalibratedEncoding(inputs: problem.inputs, gradients: problem.gradients)
      .encode(problem.values.span, rows: problem.rows, grid: codec.grid)
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: problem.values.count))
    try bytes.withMutableBytes { span throws(CodecError) in try codec.pack(coded, into: &span) }
    let stored = Self.decoded(bytes, codec, problem.values.count)
    for (index, pair) in zip(stored, coded.values()).enumerated() {
      #expect((pair.0 - pair.1).magnitude <= 1e-6 * max(1, pair.1.magnitude), "element \(index)")
    }
  }

  /// The quadratic is well below that of the type's own encoder.
  @Test(arguments: names) func costsLessThanTheReference(_ name: String) throws {
    let problem = Self.problem
    let codec = try Self.codec(name)
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: problem.values.count))
    try bytes.withMutableBytes { span throws(CodecError) in try codec.encode(problem.values.span, into: &span) }
    let reference = Self.decoded(bytes, codec, problem.values.count)
    func found(_ gradients: SymmetricMoments?) throws -> [Float] {
      try CalibratedEncoding(inputs: problem.inputs, gradients: gradients)
        .encode(problem.values.span, rows: problem.rows, grid: codec.grid).values()
    }
    #expect(try problem.quadratic(found(problem.gradients)) < 0.8 * problem.quadratic(reference))
    #expect(
      try problem.quadratic(found(nil), withGradients: false) < 0.9 * problem.quadratic(reference, withGradients: false)
    )
  }

  @Test(arguments: names) func isTheSameOfEveryKernelSet(_ name: String) throws {
    let problem = Self.problem
    let codec = try Self.codec(name)
    var first: CodedRows?
    for kernels in KernelSet.all {
      var encoding = CalibratedEncoding(inputs: problem.inputs, gradients: problem.gradients)
      encoding.kernels = kernels
      let coded = try encoding.encode(problem.values.span, rows: problem.rows, grid: codec.grid)
      if let first {
        #expect(
          coded.codes == first.codes && coded.scales == first.scales && coded.offsets == first.offsets, "\(kernels)")
      }
      first = first ?? coded
    }
  }

  /// Moments of a damaged file may have products that are no numbers: then there are no codes, and no crash.
  @Test(arguments: names, [(Float(1e38), Float(1)), (1, 1e38), (1e38, 1e38), (1e-38, 1e-38), (0, 0)])
  func momentsBeyondAllMeasureGiveNoCodes(_ name: String, _ scale: (inputs: Float, gradients: Float)) throws {
    let problem = Self.problem
    let codec = try Self.codec(name)
    func scaled(_ moments: SymmetricMoments, _ scale: Float) -> SymmetricMoments {
      SymmetricMoments(order: moments.order, values: moments.values.map { max(-3e38, min(3e38, $0 * scale)) })
    }
    let encoding = CalibratedEncoding(
      inputs: scaled(problem.inputs, scale.inputs), gradients: scaled(problem.gradients, scale.gradients))
    guard let coded = try? encoding.encode(problem.values.span, rows: problem.rows, grid: codec.grid) else { return }
    let isSound = coded.values().allSatisfy { $0.isFinite }
    #expect(isSound)
  }

  @Test(arguments: ["nf4", "fp4", "int4", "int8"]) func nestedScalesAreThoseOfTheirCodes(_ name: String) throws {
    let problem = Problem(rows: 24, columns: 128, seed: 4)
    let grid = try Self.codec(name).grid.nestingScales()
    let coded = try CalibratedEncoding(inputs: problem.inputs, gradients: problem.gradients)
      .encode(problem.values.span, rows: problem.rows, grid: grid)
    let nested = try #require(coded.nested)
    var scales = [Float](repeating: 0, count: coded.scales.count)
    var span = scales.mutableSpan
    DoubleQuantization.decode(
      coded.scaleCodes().span, nestedAbsmax: nested.stored.span, offset: nested.offset, into: &span)
    #expect(scales == coded.scales)
  }

  // MARK: - Factors

  @Test(arguments: [1, 2, 63, 64, 65, 200]) func factorsMultiplyToTheMoments(_ count: Int) throws {
    let moments = Problem(rows: 1, columns: count).inputs
    let order = Array((0..<count).reversed())
    let factored = try #require(FactoredMoments(moments, order: order, damping: 0.01))
    let scale = moments.diagonal.max() ?? 1
    let added = Float(0.01 * moments.meanDiagonal)
    for row in stride(from: 0, to: count, by: max(1, count / 7)) {
      for column in 0..<count {
        var sum: Float = 0
        for index in max(row, column)..<count {
          sum +=
            factored.factor.withRow(row) { $0[index] } * factored.weights[index]
            * factored.factor.withRow(column) { $0[index] }
        }
        let expected = moments[order[row], order[column]] + (row == column ? added : 0)
        #expect((sum - expected).magnitude < 1e-4 * scale)
      }
    }
  }

  @Test func factorsAreTheSameOfEveryKernelSet() throws {
    let moments = Problem(rows: 1, columns: 150).inputs
    let all = KernelSet.all.map { kernels in
      FactoredMoments(moments, order: Array(0..<150), damping: 0.01, kernels: kernels)?.weights
    }
    #expect(all.allSatisfy { $0 != nil && $0 == all[0] })
  }

  @Test(arguments: [Float.nan, .infinity, -1]) func whatIsNoMomentIsRefused(_ value: Float) throws {
    var values = Problem(rows: 1, columns: 64).inputs.values
    values[0] = value * 1000
    let ones = [Float](repeating: 1, count: 64)
    let grid = try Self.codec("nf4").grid
    let encoding = CalibratedEncoding(inputs: SymmetricMoments(order: 64, values: values), gradients: nil)
    var isRefused = false
    do { _ = try encoding.encode(ones.span, rows: 1, grid: grid) } catch { isRefused = true }
    #expect(isRefused)
  }

  /// Columns that nothing was seen of count alike.
  @Test func noMomentsAtAllAreNoObstacle() throws {
    let nothing = SymmetricMoments(order: 64, values: Array(repeating: 0, count: SymmetricMoments.count(order: 64)))
    let values = Problem(rows: 3, columns: 64).values
    let coded = try CalibratedEncoding(inputs: nothing, gradients: nil)
      .encode(values.span, rows: 3, grid: try Self.codec("q8_0").grid)
    for (one, other) in zip(coded.values(), values) { #expect((one - other).magnitude < 0.01) }
  }

  @Test func columnsAreInTheOrderOfTheirMoments() throws {
    let grid = ScalarGrid.multiplesAndMinimums(codes: 16, upTo: 63, block: 32, search: (1, 0.1))
    let diagonal = (0..<512).map { Float(($0 * 37) % 512) }
    let order = CalibratedEncoding.columnOrder(diagonal, grid)
    #expect(order.sorted() == Array(0..<512))
    for start in stride(from: 0, to: 512, by: 256) {
      #expect(Set(order[start..<start + 256].map { $0 / 256 }).count == 1)
    }
    for start in stride(from: 0, to: 512, by: 32) {
      let block = order[start..<start + 32]
      #expect(Set(block.map { $0 / 32 }).count == 1)
      #expect(zip(block, block.dropFirst()).allSatisfy { diagonal[$0] >= diagonal[$1] })
    }
  }
}
