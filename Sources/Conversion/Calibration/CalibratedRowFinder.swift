internal import Architectures
internal import Bytes
internal import Tensors

/// Rows of a matrix that are those of one linear layer.
struct CalibratedPart: Hashable, Sendable {
  /// What a calibration calls the layer.
  let key: String
  /// Numbers of the rows in the matrix.
  let rows: [Int]
  /// Numbers of the same rows in the layer.
  let layerRows: [Int]
}

/// Finds out which rows of an output are those of which linear layers.
struct CalibratedRowFinder {
  /// Rows of stored tensors, and where a layer has them.
  private let places: [Place: (key: String, row: Int)]
  /// Layers by what makes their weights.
  private let layers: [Derivation: (key: String, rows: Int)]
  private let inputs: TensorInputs

  private struct Place: Hashable {
    let tensor: TensorReference
    let line: Int
    /// Whether it is a column of what is stored, which becomes a row when that is turned.
    var isColumn = false
  }

  /// - Parameter checkpoint: a model whose forward pass is known.
  init(_ checkpoint: Checkpoint) throws(FileError) {
    let pass = try checkpoint.requireModel().forwardPass(path: checkpoint.path)
    let known = Dictionary(checkpoint.tensors.map { ($0.name, $0.derivation) }) { first, _ in first }
    inputs = checkpoint.inputs
    var places: [Place: (key: String, row: Int)] = [:]
    var layers: [Derivation: (key: String, rows: Int)] = [:]
    // What is looked up too has to be near to what it was in every direction.
    let embeddings = pass.operations.compactMap { operation -> Derivation? in
      guard case .embed(let weight, _, _) = operation else { return nil }
      return weight.derivation.substituting(known).unadapted
    }
    for linear in pass.hasOwnHead ? pass.linears : pass.linears.dropLast() {
      let derivation = linear.linear.weight.derivation.substituting(known)
      guard derivation.sources.allSatisfy({ (try? checkpoint.inputs.tensor($0)) != nil }),
        let rows = linear.linear.weight.shape.first
      else { continue }
      layers[derivation] = (linear.key, rows)
      // A head and an embedding that adapters have made different are stored as one.
      guard !embeddings.contains(derivation.unadapted) else { continue }
      guard let lines = Self.lines(of: derivation, checkpoint.inputs), lines.count == rows else { continue }
      for (row, place) in lines.enumerated() { places[place] = (linear.key, row) }
    }
    self.places = places
    self.layers = layers
  }

  /// The parts of each matrix of a tensor; nil where a row is that of no layer.
  func parts(of derivation: Derivation, shape: [Int]) -> [[CalibratedPart]]? {
    guard shape.count >= 2 else { return nil }
    let rows = shape[shape.count - 2]
    if let layer = layers[derivation], layer.rows == rows, shape.count == 2 {
      return [[CalibratedPart(key: layer.key, rows: Array(0..<rows), layerRows: Array(0..<rows))]]
    }
    guard let lines = Self.lines(of: derivation, inputs), lines.count == shape.dropLast().reduce(1, *) else {
      return nil
    }
    var matrices: [[CalibratedPart]] = []
    for first in stride(from: 0, to: lines.count, by: rows) {
      var order: [String] = []
      var own: [String: (rows: [Int], layerRows: [Int])] = [:]
      for row in 0..<rows {
        guard let place = places[lines[first + row]] else { return nil }
        if own[place.key] == nil { order.append(place.key) }
        own[place.key, default: ([], [])].rows.append(row)
        own[place.key, default: ([], [])].layerRows.append(place.row)
      }
      matrices.append(
        order.map { CalibratedPart(key: $0, rows: own[$0]?.rows ?? [], layerRows: own[$0]?.layerRows ?? []) })
    }
    return matrices
  }

  /// The stored row behind each row; nil where rows are computed.
  private static func lines(of derivation: Derivation, _ inputs: TensorInputs) -> [Place]? {
    switch derivation {
    case .source(let reference):
      guard let tensor = try? inputs.tensor(reference), tensor.shape.count >= 2 else { return nil }
      return (0..<tensor.shape.dropLast().reduce(1, *)).map { Place(tensor: reference, line: $0) }
    case .made(let transform as any RowTransform, let parts):
      var lines: [[Place]] = []
      var shapes: [[Int]] = []
      for part in parts {
        guard let own = Self.lines(of: part, inputs), let shape = try? inputs.shape(of: part) else { return nil }
        lines.append(own)
        shapes.append(shape)
      }
      guard let shape = try? inputs.shape(of: derivation), shape.count >= 2 else { return nil }
      return (0..<shape.dropLast().reduce(1, *)).map { line in
        let place = transform.source(ofLine: line, of: shape, inputs: shapes)
        return lines[place.input][place.line]
      }
    case .made(is Transposition, let parts):
      return parts.first.flatMap { columns(of: $0, inputs) }
    case .made(is any AdapterTransform, let parts):
      // Adapters change rows, each where it is.
      return parts.first.flatMap { lines(of: $0, inputs) }
    case .made:
      return nil
    }
  }

  /// The stored column behind each column, matrix by matrix; nil where columns are computed.
  private static func columns(of derivation: Derivation, _ inputs: TensorInputs) -> [Place]? {
    switch derivation {
    case .source(let reference):
      guard let tensor = try? inputs.tensor(reference), tensor.shape.count >= 2, let width = tensor.shape.last else {
        return nil
      }
      return (0..<tensor.shape.dropLast(2).reduce(1, *) * width).map {
        Place(tensor: reference, line: $0, isColumn: true)
      }
    case .made(let stacked as StackedTensor, let parts):
      guard let inner = parts.first.flatMap({ columns(of: $0, inputs) }), stacked.count > 0 else { return nil }
      let width = inner.count / stacked.count
      return Array(inner[stacked.number * width..<(stacked.number + 1) * width])
    case .made(is any AdapterTransform, let parts):
      return parts.first.flatMap { columns(of: $0, inputs) }
    case .made:
      return nil
    }
  }
}
