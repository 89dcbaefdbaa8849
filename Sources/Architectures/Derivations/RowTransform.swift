public import Bytes
public import Tensors

/// A transform that only puts lines in other places: whole rows of matrices, or the elements of a vector. What is stored
/// in blocks along rows keeps its blocks, so that nothing is decoded for it.
public protocol RowTransform: TensorTransform {
  /// The line of an input that becomes line `line` of the result.
  func source(ofLine line: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, line: Int)

  /// Elements of a line in a tensor of that shape.
  func lineWidth(of shape: [Int]) -> Int
}

extension RowTransform {
  public func lineWidth(of shape: [Int]) -> Int { shape.count == 1 ? 1 : shape.last ?? 1 }

  public func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)? {
    let width = max(1, lineWidth(of: shape))
    let place = source(ofLine: element / width, of: shape, inputs: inputs)
    return (place.input, place.line * width + element % width)
  }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    for run in LineRun.runs(of: part, self, inputs) {
      let source = inputs[run.input]
      if run.isInOrder {
        var span = values._mutatingExtracting(run.targets)
        try source.read(run.part, into: &span, scratch: &scratch)
        continue
      }
      var lines = [Float](repeating: 0, count: run.part.count)
      var span = lines.mutableSpan
      try source.read(run.part, into: &span, scratch: &scratch)
      for (from, to) in run.places {
        values.copy(span.span.extracting(from..<from + run.width), at: to)
      }
    }
  }

  /// The same with stored bytes, for inputs of one encoding.
  public func readEncoded(
    _ part: RowPart, of inputs: TransformInputs, _ encoding: Encoding, into bytes: inout MutableRawSpan
  ) throws(FileError) {
    func size(_ elements: Int) -> Int { encoding.byteCount(elements: elements) ?? 0 }
    for run in LineRun.runs(of: part, self, inputs) {
      let source = inputs[run.input]
      if run.isInOrder {
        var span = bytes._mutatingExtracting(size(run.targets.lowerBound)..<size(run.targets.upperBound))
        try source.readEncoded(run.part, into: &span)
        continue
      }
      var lines = [UInt8](repeating: 0, count: size(run.part.count))
      try lines.withMutableBytes { span throws(FileError) in try source.readEncoded(run.part, into: &span) }
      lines.withBytes { all in
        for (from, to) in run.places {
          bytes.copy(all.extracting(size(from)..<size(from + run.width)), at: size(to))
        }
      }
    }
  }
}

/// Lines of one input that are read at once, and where they go.
struct LineRun {
  let input: Int
  /// What is read of the input.
  let part: RowPart
  /// Elements of each line that are wanted.
  let width: Int
  /// Where the lines go in the part of the result, in elements, when they all follow each other.
  let targets: Range<Int>
  let isInOrder: Bool
  /// Where the lines begin in what was read and in the part of the result, in elements.
  let places: [(from: Int, to: Int)]

  /// A line of an input and a line of the result that it becomes.
  private struct Move {
    let input: Int
    let source: Int
    let line: Int
  }

  /// What makes a part of the result, in the order of the inputs, in runs: at most one line that is not needed lies
  /// between two that are. So a head may be larger than memory.
  static func runs(of part: RowPart, _ transform: some RowTransform, _ inputs: TransformInputs) -> [LineRun] {
    let shapes = inputs.tensors.map(\.shape)
    let isOfElements = transform.lineWidth(of: inputs.shape) == 1 && inputs.shape.count == 1
    let lines = isOfElements ? part.columns : part.rows
    let columns = isOfElements ? 0..<1 : part.columns
    var moves = lines.map { line in
      let place = transform.source(ofLine: line, of: inputs.shape, inputs: shapes)
      return Move(input: place.input, source: place.line, line: line)
    }
    moves.sort { ($0.input, $0.source) < ($1.input, $1.source) }
    var runs: [LineRun] = []
    var start = 0
    for index in moves.indices
    where index + 1 == moves.count || moves[index + 1].input != moves[index].input
      || moves[index + 1].source - moves[index].source > 2
    {
      let run = moves[start...index]
      start = index + 1
      guard let first = run.first, let last = run.last else { continue }
      let sources = first.source..<last.source + 1
      let isVector = shapes[first.input].count == 1 && transform.lineWidth(of: shapes[first.input]) == 1
      let width = columns.count
      let isInOrder =
        sources.count == run.count && zip(run, run.dropFirst()).allSatisfy { $0.line + 1 == $1.line }
      let target = (first.line - lines.lowerBound) * width
      runs.append(
        LineRun(
          input: first.input,
          part: isVector ? RowPart(rows: 0..<1, columns: sources) : RowPart(rows: sources, columns: columns),
          width: width, targets: target..<target + run.count * width, isInOrder: isInOrder,
          places: isInOrder
            ? []
            : run.map { (($0.source - sources.lowerBound) * width, ($0.line - lines.lowerBound) * width) }))
    }
    return runs
  }
}
