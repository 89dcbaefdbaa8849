import Bytes
import Tensors
import Testing

@testable import Architectures

/// What every transform of tensors keeps to: shapes, values of any part, origins, what undoes it, and refusals. Expected
/// is what a table of indexes says, looked up element by element.
@Suite struct TransformTests {
  /// A transform of inputs with these shapes, and what it should be.
  struct Sample: CustomTestStringConvertible, Sendable {
    let title: String
    let transform: any TensorTransform
    let inputs: [[Int]]
    let shape: [Int]
    /// Where an element of the result comes from, by its indexes: the number of an input and the indexes in it.
    let place: @Sendable ([Int]) -> (input: Int, index: [Int])
    /// What becomes of the value.
    let change: @Sendable (Float) -> Float

    init(
      _ title: String, _ transform: any TensorTransform, of inputs: [[Int]], _ shape: [Int],
      change: @escaping @Sendable (Float) -> Float = { $0 },
      _ place: @escaping @Sendable ([Int]) -> (Int, [Int])
    ) {
      (self.title, self.transform, self.inputs, self.shape) = (title, transform, inputs, shape)
      (self.place, self.change) = (place, change)
    }

    var testDescription: String { title }

    /// Every input has values of its own.
    var tensors: [ArrayPart] {
      inputs.enumerated().map { number, shape in
        ArrayPart(shape, (0..<shape.reduce(1, *)).map { -Float($0 + 1) / 8 - Float(100 * number) })
      }
    }

    /// All indexes of a tensor, the last one running fastest.
    static func indexes(of shape: [Int]) -> [[Int]] {
      shape.reduce([[]]) { outer, count in outer.flatMap { index in (0..<count).map { index + [$0] } } }
    }

    static func element(_ index: [Int], of shape: [Int]) -> Int {
      zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }
    }

    /// The result, looked up.
    var expected: [Float] {
      let tensors = tensors
      return Self.indexes(of: shape).map { index in
        let (input, source) = place(index)
        return change(tensors[input].array[Self.element(source, of: inputs[input])])
      }
    }

    func transformInputs(_ tensors: [any PartSource]) -> TransformInputs {
      TransformInputs(shape: shape, tensors: tensors, memory: TransformMemory())
    }
  }

  static let samples: [Sample] = [
    Sample("heads of 4, interleaved", RowOrder(.interleaving, headDimension: 4), of: [[8, 3]], [8, 3]) {
      (0, [[0, 2, 1, 3, 4, 6, 5, 7][$0[0]], $0[1]])
    },
    Sample("a head of 8, interleaved", RowOrder(.interleaving, headDimension: 8), of: [[8, 2]], [8, 2]) {
      (0, [[0, 4, 1, 5, 2, 6, 3, 7][$0[0]], $0[1]])
    },
    Sample("a bias of heads, in halves", RowOrder(.deinterleaving, headDimension: 8), of: [[16]], [16]) {
      (0, [[0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15][$0[0]]])
    },
    Sample("a matrix, transposed", Transposition(), of: [[3, 5]], [5, 3]) { (0, [$0[1], $0[0]]) },
    Sample("one row, transposed", Transposition(), of: [[1, 4]], [4, 1]) { (0, [$0[1], $0[0]]) },
    Sample("a stack, transposed", Transposition(), of: [[2, 3, 4]], [2, 4, 3]) { (0, [$0[0], $0[2], $0[1]]) },
    Sample("a stack of stacks, transposed", Transposition(), of: [[2, 2, 3, 2]], [2, 2, 2, 3]) {
      (0, [$0[0], $0[1], $0[3], $0[2]])
    },
    Sample("two rows of each four", GroupedRows(1..<3, ofEach: 4), of: [[8, 3]], [4, 3]) {
      (0, [[1, 2, 5, 6][$0[0]], $0[1]])
    },
    Sample("a slice of rows", GroupedRows(2..<5, ofEach: 6), of: [[6, 2]], [3, 2]) { (0, [$0[0] + 2, $0[1]]) },
    Sample("every second element", GroupedRows(1..<2, ofEach: 2), of: [[8]], [4]) { (0, [2 * $0[0] + 1]) },
    Sample("every second row of a stack", GroupedRows(0..<1, ofEach: 2), of: [[2, 4, 3]], [2, 2, 3]) {
      (0, [$0[0], 2 * $0[1], $0[2]])
    },
    Sample("rows in turn", MergedRows([2, 1]), of: [[4, 3], [2, 3]], [6, 3]) {
      [(0, [0, $0[1]]), (0, [1, $0[1]]), (1, [0, $0[1]]), (0, [2, $0[1]]), (0, [3, $0[1]]), (1, [1, $0[1]])][$0[0]]
    },
    Sample("rows of three, one after another", MergedRows([2, 1, 3]), of: [[2, 2], [1, 2], [3, 2]], [6, 2]) {
      $0[0] < 2 ? (0, $0) : $0[0] < 3 ? (1, [$0[0] - 2, $0[1]]) : (2, [$0[0] - 3, $0[1]])
    },
    Sample("elements in turn", MergedRows([1, 1]), of: [[3], [3]], [6]) { ($0[0] % 2, [$0[0] / 2]) },
    Sample("rows of stacks in turn", MergedRows([1, 1]), of: [[2, 2, 3], [2, 2, 3]], [2, 4, 3]) {
      ($0[1] % 2, [$0[0], $0[1] / 2, $0[2]])
    },
    Sample("rows of stacks, one after another", MergedRows([2, 1]), of: [[2, 2, 3], [2, 1, 3]], [2, 3, 3]) {
      $0[1] < 2 ? (0, $0) : (1, [$0[0], $0[1] - 2, $0[2]])
    },
    Sample("two columns of each four", GroupedColumns(1..<3, ofEach: 4), of: [[2, 8]], [2, 4]) {
      (0, [$0[0], [1, 2, 5, 6][$0[1]]])
    },
    Sample("every second element of a vector", GroupedColumns(0..<1, ofEach: 2), of: [[8]], [4]) { (0, [2 * $0[0]]) },
    Sample("columns of a stack", GroupedColumns(1..<2, ofEach: 2), of: [[2, 3, 4]], [2, 3, 2]) {
      (0, [$0[0], $0[1], 2 * $0[2] + 1])
    },
    Sample("columns in turn", MergedColumns([1, 2]), of: [[3, 2], [3, 4]], [3, 6]) { index in
      [
        (0, [index[0], 0]), (1, [index[0], 0]), (1, [index[0], 1]), (0, [index[0], 1]), (1, [index[0], 2]),
        (1, [index[0], 3]),
      ][index[1]]
    },
    Sample("columns of vectors, one after another", MergedColumns([3, 2]), of: [[3], [2]], [5]) {
      $0[0] < 3 ? (0, $0) : (1, [$0[0] - 3])
    },
    Sample("columns of stacks in turn", MergedColumns([1, 1]), of: [[2, 2, 2], [2, 2, 2]], [2, 2, 4]) {
      ($0[2] % 2, [$0[0], $0[1], $0[2] / 2])
    },
    Sample("three matrices, stacked", Stack(), of: [[2, 3], [2, 3], [2, 3]], [3, 2, 3]) {
      ($0[0], Array($0.dropFirst()))
    },
    Sample("vectors, stacked", Stack(), of: [[4], [4]], [2, 4]) { ($0[0], [$0[1]]) },
    Sample("single numbers, stacked", Stack(), of: [[1], [1], [1]], [3, 1]) { ($0[0], [$0[1]]) },
    Sample("a matrix of a stack", StackedTensor(1, of: 3), of: [[3, 2, 4]], [2, 4]) { (0, [1] + $0) },
    Sample("the last matrix of a stack", StackedTensor(2, of: 3), of: [[3, 2, 2]], [2, 2]) { (0, [2] + $0) },
    Sample("a vector of a stack", StackedTensor(1, of: 2), of: [[2, 5]], [5]) { (0, [1] + $0) },
    Sample("a number of a stack", StackedTensor(2, of: 3), of: [[3, 1]], [1]) { (0, [2] + $0) },
    Sample("1 added", Affine(offset: 1), of: [[3, 4]], [3, 4], change: { $0 + 1 }) { (0, $0) },
    Sample("scaled and shifted", Affine(scale: -2, offset: 0.5), of: [[6]], [6], change: { -2 * $0 + 0.5 }) { (0, $0) },
    Sample("a negative exponential", NegativeExponential(), of: [[2, 3]], [2, 3], change: Self.negativeExponential) {
      (0, $0)
    },
    Sample("a logarithm", NegativeLogarithm(), of: [[2, 3]], [2, 3], change: Self.negativeLogarithm) { (0, $0) },
  ]

  /// `-e^x` of x in [-1, 0], by its series.
  private static func negativeExponential(_ x: Float) -> Float {
    var (sum, term) = (1.0, 1.0)
    for power in 1..<30 {
      term *= Double(x) / Double(power)
      sum += term
    }
    return Float(-sum)
  }

  /// `log(-x)` of x in [-1, 0), by halving.
  private static func negativeLogarithm(_ x: Float) -> Float {
    var (low, high) = (-10.0, 0.0)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if -Double(negativeExponentialOfAny(middle)) < -Double(x) { low = middle } else { high = middle }
    }
    return Float(low)
  }

  /// `-e^x` of larger numbers: the 16th power of a small one.
  private static func negativeExponentialOfAny(_ x: Double) -> Double {
    var (sum, term) = (1.0, 1.0)
    for power in 1..<30 {
      term *= x / 16 / Double(power)
      sum += term
    }
    return -(0..<4).reduce(sum) { value, _ in value * value }
  }

  private func expectNear(_ found: [Float], _ expected: [Float], _ comment: Comment) {
    #expect(found.count == expected.count, comment)
    let isNear = zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) }
    #expect(isNear, comment)
  }

  // MARK: - Shapes and values

  @Test(arguments: samples) func hasItsShape(_ sample: Sample) throws {
    #expect(try sample.transform.shape(of: sample.inputs) == sample.shape)
  }

  /// The whole, single rows, several, parts of rows and of several rows: every rectangle there is.
  @Test(arguments: samples) func hasTheValuesOfEveryPart(_ sample: Sample) throws {
    let inputs = sample.transformInputs(sample.tensors)
    let expected = sample.expected
    let columns = sample.shape.last ?? 1
    let rows = sample.shape.dropLast().reduce(1, *)
    var scratch: [UInt8] = []
    for part in Self.rectangles(rows, columns) {
      let wanted = part.rows.flatMap { row in part.columns.map { expected[row * columns + $0] } }
      var values = [Float](repeating: .nan, count: part.count)
      var span = values.mutableSpan
      try sample.transform.read(part, of: inputs, into: &span, scratch: &scratch)
      expectNear(values, wanted, "\(part)")
      guard let moving = sample.transform as? any RowTransform else { continue }
      #expect(values == wanted, "\(part)")
      var bytes = [UInt8](repeating: 0xFF, count: 4 * part.count)
      try bytes.withMutableBytes { (span: inout MutableRawSpan) throws(FileError) in
        try moving.readEncoded(part, of: inputs, .f32, into: &span)
      }
      #expect(bytes == Self.bytes(of: wanted), "\(part)")
    }
  }

  private static func bytes(of values: [Float]) -> [UInt8] {
    values.flatMap { value -> [UInt8] in
      let bits = value.bitPattern
      return [0, 8, 16, 24].map { (shift: UInt32) -> UInt8 in UInt8(truncatingIfNeeded: bits >> shift) }
    }
  }

  private static func rectangles(_ rows: Int, _ columns: Int) -> [RowPart] {
    func ranges(_ count: Int) -> [Range<Int>] {
      (0..<count).flatMap { start in (start + 1...count).map { start..<$0 } }
    }
    return ranges(rows).flatMap { rows in ranges(columns).map { RowPart(rows: rows, columns: $0) } }
  }

  @Test(arguments: samples) func elementsComeFromTheirPlaces(_ sample: Sample) throws {
    for (element, index) in Sample.indexes(of: sample.shape).enumerated() {
      let origin = sample.transform.origin(ofElement: element, of: sample.shape, inputs: sample.inputs)
      let (input, source) = sample.place(index)
      #expect(origin?.input == input)
      #expect(origin?.element == Sample.element(source, of: sample.inputs[input]), "\(element)")
    }
  }

  @Test func aConstantNeedsNoInputs() throws {
    let constant = Constant([1, 2, 4, 8])
    #expect(try constant.shape(of: []) == [4])
    #expect(constant.origin(ofElement: 2, of: [4], inputs: []) == nil)
    let inputs = TransformInputs(shape: [4], tensors: [], memory: TransformMemory())
    for part in Self.rectangles(1, 4) {
      var values = [Float](repeating: .nan, count: part.count)
      var scratch: [UInt8] = []
      var span = values.mutableSpan
      try constant.read(part, of: inputs, into: &span, scratch: &scratch)
      #expect(values == part.columns.map { [1, 2, 4, 8][$0] })
    }
  }

  /// Matrices of several strips, and one whose columns are longer than a strip.
  @Test(
    arguments: [
      ([300, 20_000], 6980..<7003, 5..<290), ([300, 20_000], 0..<20_000, 0..<300),
      ([2_100_000, 2], 1..<2, 7..<2_099_999),
      ([2_100_000, 2], 0..<2, 0..<2_100_000), ([3, 400, 2000], 1999..<4001, 1..<399),
    ] as [([Int], Range<Int>, Range<Int>)])
  func largeMatricesAreTransposedInStrips(_ shape: [Int], _ rows: Range<Int>, _ columns: Range<Int>) throws {
    let input = ArrayPart(counting: shape)
    let transposed = try Transposition().shape(of: [shape])
    let inputs = TransformInputs(shape: transposed, tensors: [input], memory: TransformMemory())
    let (height, width) = (transposed[transposed.count - 2], transposed[transposed.count - 1])
    var scratch: [UInt8] = []
    // In slabs, as a pour takes them.
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: 1024) {
      let part = RowPart(rows: start..<min(start + 1024, rows.upperBound), columns: columns)
      var values = [Float](repeating: .nan, count: part.count)
      var span = values.mutableSpan
      try Transposition().read(part, of: inputs, into: &span, scratch: &scratch)
      var place = 0
      var wrong = 0
      for row in part.rows {
        let (matrix, inner) = row.quotientAndRemainder(dividingBy: height)
        for column in part.columns {
          if values[place] != input.array[(matrix * width + column) * height + inner] { wrong += 1 }
          place += 1
        }
      }
      #expect(wrong == 0, "\(part)")
    }
  }

  // MARK: - What undoes a transform

  private static let source = Derivation.source(named: "w")

  /// Derivations that are nothing but their input.
  static let undone: [Derivation] = [
    source.applying(RowOrder(.interleaving, headDimension: 4)).applying(RowOrder(.deinterleaving, headDimension: 4)),
    source.applying(Transposition()).applying(Transposition()),
    source.applying(Affine(offset: 1)).applying(Affine(offset: -1)),
    source.applying(Affine(scale: 4, offset: 2)).applying(Affine(scale: 0.25, offset: -0.5)),
    source.applying(NegativeExponential()).applying(NegativeLogarithm()),
    source.applying(NegativeLogarithm()).applying(NegativeExponential()),
    .making(MergedRows([2, 1]), of: [0..<2, 2..<3].map { source.applying(GroupedRows($0, ofEach: 3)) }),
    .making(MergedColumns([2, 1]), of: [0..<2, 2..<3].map { source.applying(GroupedColumns($0, ofEach: 3)) }),
    .making(Stack(), of: (0..<3).map { source.applying(StackedTensor($0, of: 3)) }),
    .making(MergedRows([2, 1]), of: [source, .source(named: "v")]).applying(GroupedRows(0..<2, ofEach: 3)),
    .making(MergedColumns([2, 1]), of: [.source(named: "v"), source]).applying(GroupedColumns(2..<3, ofEach: 3)),
    .making(Stack(), of: [.source(named: "u"), source, .source(named: "v")]).applying(StackedTensor(1, of: 3)),
    source.applying(Affine(offset: 1)).applying(Transposition()).applying(Transposition()).applying(Affine(offset: -1)),
  ]

  @Test(arguments: undone) func whatUndoesItselfIsTheInput(_ derivation: Derivation) {
    #expect(derivation == Self.source)
  }

  /// What looks like it, and is something else.
  static let kept: [Derivation] = [
    source.applying(RowOrder(.interleaving, headDimension: 4)).applying(RowOrder(.interleaving, headDimension: 4)),
    source.applying(RowOrder(.interleaving, headDimension: 4)).applying(RowOrder(.deinterleaving, headDimension: 8)),
    source.applying(Affine(offset: 1)).applying(Affine(offset: 1)),
    source.applying(NegativeExponential()).applying(NegativeExponential()),
    .making(MergedRows([1, 2]), of: [0..<2, 2..<3].map { source.applying(GroupedRows($0, ofEach: 3)) }),
    .making(MergedRows([2, 1]), of: [0..<2, 2..<3].map { source.applying(GroupedRows($0, ofEach: 6)) }),
    .making(
      MergedRows([2, 1]),
      of: [
        source.applying(GroupedRows(0..<2, ofEach: 3)),
        Derivation.source(named: "v").applying(GroupedRows(2..<3, ofEach: 3)),
      ]),
    .making(MergedColumns([1, 1]), of: [1..<2, 0..<1].map { source.applying(GroupedColumns($0, ofEach: 2)) }),
    .making(Stack(), of: [1, 0].map { source.applying(StackedTensor($0, of: 2)) }),
    .making(Stack(), of: [0, 1].map { source.applying(StackedTensor($0, of: 3)) }),
    .making(MergedRows([2, 1]), of: [source, source]).applying(GroupedRows(0..<1, ofEach: 3)),
    .making(MergedColumns([2, 1]), of: [source, source]).applying(GroupedColumns(0..<2, ofEach: 6)),
    .making(Stack(), of: [source, source]).applying(StackedTensor(1, of: 3)),
  ]

  @Test(arguments: kept) func whatDoesNotUndoItselfStays(_ derivation: Derivation) {
    #expect(derivation != Self.source)
    guard case .made = derivation else {
      Issue.record("\(derivation)")
      return
    }
  }

  @Test(arguments: samples.filter { $0.transform is any InvertibleTransform })
  func theInverseBringsValuesBack(_ sample: Sample) throws {
    let transform = try #require(sample.transform as? any InvertibleTransform)
    #expect(transform.inverse.inverse.isSame(as: transform))
    let once = ArrayPart(sample.shape, sample.expected)
    let back = try Self.read(transform.inverse, of: once)
    #expect(back.shape == sample.inputs[0])
    expectNear(back.array, sample.tensors[0].array, "\(sample.title)")
    // What it gives makes the same result again.
    let again = try Self.read(transform, of: back)
    expectNear(again.array, once.array, "\(sample.title)")
    if !(transform is NegativeExponential), !(transform is NegativeLogarithm) { #expect(again.array == once.array) }
  }

  private static func read(_ transform: any TensorTransform, of tensor: ArrayPart) throws -> ArrayPart {
    let shape = try transform.shape(of: [tensor.shape])
    let inputs = TransformInputs(shape: shape, tensors: [tensor], memory: TransformMemory())
    var values = [Float](repeating: .nan, count: shape.reduce(1, *))
    var scratch: [UInt8] = []
    var span = values.mutableSpan
    try transform.read(
      RowPart(rows: 0..<shape.dropLast().reduce(1, *), columns: 0..<(shape.last ?? 1)), of: inputs, into: &span,
      scratch: &scratch)
    return ArrayPart(shape, values)
  }

  // MARK: - Derivations

  @Test func onlyWhatMovesRowsKeepsThem() {
    let order = RowOrder(.interleaving, headDimension: 4)
    let parts = [Self.source, Self.source.applying(order)]
    #expect(Self.source.keepsRows)
    #expect(Derivation.making(MergedRows([1, 1]), of: parts).applying(StackedTensor(0, of: 2)).keepsRows)
    for transform in [Transposition(), Affine(offset: 1), GroupedColumns(0..<1, ofEach: 2)] as [any TensorTransform] {
      #expect(!Self.source.applying(transform).keepsRows)
      #expect(!Derivation.making(Stack(), of: [Self.source, Self.source.applying(transform)]).keepsRows)
    }
    #expect(!Derivation.making(Constant([1]), of: []).keepsRows)
  }

  @Test func sourcesAreNamedInOrder() {
    let adapter = Derivation.source(TensorReference("a", input: 1))
    let whole = Derivation.making(
      MergedRows([1, 1]), of: [Self.source.applying(Transposition()), .making(Stack(), of: [adapter, Self.source])])
    #expect(whole.sources == [TensorReference("w"), TensorReference("a", input: 1), TensorReference("w")])
    #expect(Derivation.making(Constant([1]), of: []).sources.isEmpty)
  }

  @Test func substitutesSimplify() {
    let derivation = Self.source.applying(Affine(offset: 1))
    let stored = Derivation.source(named: "stored")
    #expect(derivation.substituting(["w": stored.applying(Affine(offset: -1))]) == stored)
    #expect(derivation.substituting(["w": stored]) == stored.applying(Affine(offset: 1)))
    #expect(derivation.substituting(["v": stored]) == derivation)
  }

  // MARK: - Refusals

  struct Refusal: CustomTestStringConvertible, Sendable {
    let transform: any TensorTransform
    let inputs: [[Int]]
    /// The input that does not fit.
    let input: Int

    init(_ transform: any TensorTransform, of inputs: [[Int]], naming input: Int = 0) {
      (self.transform, self.inputs, self.input) = (transform, inputs, input)
    }

    var testDescription: String { "\(transform) of \(inputs)" }
  }

  static let refusals: [Refusal] = [
    Refusal(RowOrder(.interleaving, headDimension: 4), of: [[6, 3]]),
    Refusal(RowOrder(.interleaving, headDimension: 4), of: [[2, 4, 3]]),
    Refusal(RowOrder(.interleaving, headDimension: 4), of: [[]]),
    Refusal(Transposition(), of: [[5]]), Refusal(Transposition(), of: [[]]),
    Refusal(GroupedRows(0..<1, ofEach: 3), of: [[8, 3]]), Refusal(GroupedRows(0..<1, ofEach: 3), of: [[8]]),
    Refusal(GroupedRows(0..<1, ofEach: 2), of: [[2, 3, 2]]), Refusal(GroupedRows(2..<5, ofEach: 4), of: [[8, 3]]),
    Refusal(GroupedRows(0..<0, ofEach: 0), of: [[8, 3]]), Refusal(GroupedRows(0..<1, ofEach: 1), of: [[]]),
    Refusal(MergedRows([2, 1]), of: [[4, 3], [3, 3]], naming: 1),
    Refusal(MergedRows([2, 1]), of: [[4, 3], [2, 4]], naming: 1),
    Refusal(MergedRows([2, 1]), of: [[4], [2, 1]], naming: 1), Refusal(MergedRows([2, 1]), of: [[3, 3], [1, 3]]),
    Refusal(MergedRows([2, 1]), of: [[4, 3]]), Refusal(MergedRows([2, 1]), of: [[4, 3], [2, 3], [2, 3]]),
    Refusal(MergedRows([2, 0]), of: [[4, 3], [0, 3]]), Refusal(MergedRows([1, 1]), of: [[], []]),
    Refusal(GroupedColumns(0..<1, ofEach: 3), of: [[2, 8]]), Refusal(GroupedColumns(2..<5, ofEach: 4), of: [[2, 8]]),
    Refusal(GroupedColumns(0..<0, ofEach: 0), of: [[2, 8]]), Refusal(GroupedColumns(0..<1, ofEach: 1), of: [[]]),
    Refusal(MergedColumns([2, 1]), of: [[3, 4], [3, 3]], naming: 1),
    Refusal(MergedColumns([2, 1]), of: [[3, 4], [4, 2]], naming: 1),
    Refusal(MergedColumns([2, 1]), of: [[3, 3], [3, 1]]), Refusal(MergedColumns([2, 1]), of: [[3, 4]]),
    Refusal(MergedColumns([0, 1]), of: [[3, 0], [3, 1]]), Refusal(MergedColumns([1, 1]), of: [[], []]),
    Refusal(Stack(), of: [[2, 3], [2, 3], [3, 2]], naming: 2), Refusal(Stack(), of: [[2, 3], [3]], naming: 1),
    Refusal(Stack(), of: []), Refusal(Stack(), of: [[], []]),
    Refusal(StackedTensor(0, of: 3), of: [[2, 3]]), Refusal(StackedTensor(0, of: 3), of: [[3]]),
    Refusal(StackedTensor(0, of: 3), of: [[]]),
  ]

  @Test(arguments: refusals) func shapesThatDoNotFitAreRefused(_ refusal: Refusal) {
    let error = #expect(throws: TransformRefusal.self) { try refusal.transform.shape(of: refusal.inputs) }
    #expect(error?.input == refusal.input)
    #expect(error?.message.isEmpty == false)
  }
}

extension InvertibleTransform {
  fileprivate func isSame(as other: any InvertibleTransform) -> Bool { other as? Self == self }
}
