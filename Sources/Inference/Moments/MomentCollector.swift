internal import Bytes
@_spi(Benchmarks) internal import Quantization
internal import Synchronization

/// Adds up the second moments of linear layers, and keeps single tokens of what is held back.
final class MomentCollector: GradientObserver {
  /// What the sums of a layer are multiples of.
  struct Units: Hashable, Sendable {
    /// In 1.
    var inputs: Double
    var gradients: Double
    /// Of squares of what a layer is given, all tokens alike.
    var squares: Double
  }

  private struct Sums: Sendable {
    let inputs: MomentSums
    let gradients: MomentSums?
    /// In units of gradients; without gradients tokens are counted.
    var weight: Int64 = 0
    var tokens = 0
    var sample: LayerMoments.Sample
  }

  private struct Squares: Sendable {
    var sums: [Int64]
    var tokens = 0
  }

  private struct State: Sendable {
    var layers: [String: Sums] = [:]
    var squares: [String: Squares] = [:]
    /// Layers that are given what others are, by their keys.
    var alike: [String: String] = [:]
    var isHeldBack = false
  }

  private let units: [String: Units]
  /// Layers whose gradients are not collected: the head, which has as many outputs as there are tokens.
  private let withoutGradients: Set<String>
  /// Layers whose squares are shown on their own, on the way forward.
  private let squaresComeFirst: Set<String>
  private let isFisher: Bool
  /// Of tokens that are held back, every so many.
  private let sampleStep: Int
  private let memories: [WorkerMemory]
  private let state = Mutex(State())

  init(
    units: [String: Units], withoutGradients: Set<String>, squaresComeFirst: Set<String>, isFisher: Bool,
    sampleStep: Int,
    workers: Workers
  ) {
    self.units = units
    self.squaresComeFirst = squaresComeFirst
    self.withoutGradients = withoutGradients
    self.isFisher = isFisher
    self.sampleStep = max(1, sampleStep)
    memories = (0..<workers.count).map { _ in WorkerMemory() }
  }

  /// Whether what is shown from now on is held back.
  func holdBack(_ isHeldBack: Bool) { state.withLock { $0.isHeldBack = isHeldBack } }

  func observe(_ inputs: MatrixPart, gradient: MatrixPart, of layer: LinearLayer, workers: Workers) async throws {
    try await observe(inputs, gradient: isFisher ? gradient : nil, key: layer.key, workers: workers)
  }

  /// Takes note of layers that are all given the same, where tokens count alike: what is known of one is known of all.
  func observe(_ inputs: MatrixPart, alike keys: [String], workers: Workers) async throws {
    guard let first = keys.first else { return }
    state.withLock { state in for key in keys.dropFirst() { state.alike[key] = first } }
    try await observe(inputs, gradient: nil, key: first, workers: workers)
  }

  /// Adds squares of what layers are all given, of those that are shown them first.
  func observe(squaresOf inputs: MatrixPart, _ keys: [String]) throws(FileError) {
    try add(squaresOf: inputs, to: keys.filter(squaresComeFirst.contains))
  }

  private func add(squaresOf inputs: MatrixPart, to keys: [String]) throws(FileError) {
    guard !keys.isEmpty, !state.withLock(\.isHeldBack) else { return }
    var squares = [Double](repeating: 0, count: inputs.columns.count)
    KernelSet.best.addSquares(of: inputs, to: &squares)
    for key in keys {
      var own =
        state.withLock { $0.squares.removeValue(forKey: key) }
        ?? Squares(sums: Array(repeating: 0, count: squares.count))
      let scale = unit(key).squares
      for (column, square) in squares.enumerated() {
        guard Self.add(square, to: &own.sums[column], scale: scale) else { throw Self.unsound(key) }
      }
      own.tokens += inputs.rows.count
      state.withLock { [own] in $0.squares[key] = own }
    }
  }

  /// What is known of the squares so far.
  var squares: [LayerSquares] {
    state.withLock(\.squares).map { key, own in
      LayerSquares(
        key: key, tokens: own.tokens, sums: ExactSums(exponent: Int(unit(key).squares.exponent), values: own.sums))
    }.sorted { $0.key < $1.key }
  }

  /// - Parameter gradient: nil where tokens count alike.
  func observe(_ inputs: MatrixPart, gradient: MatrixPart?, key: String, workers: Workers) async throws {
    let hasGradients = gradient != nil && !withoutGradients.contains(key)
    var sums =
      state.withLock { $0.layers.removeValue(forKey: key) }
      ?? Sums(
        inputs: MomentSums(order: inputs.columns.count, scale: unit(key).inputs),
        gradients: hasGradients
          ? gradient.map { MomentSums(order: $0.columns.count, scale: unit(key).gradients) } : nil,
        sample: .init(tokens: 0, inputs: [], gradients: []))
    defer { state.withLock { $0.layers[key] = sums } }
    if state.withLock({ $0.isHeldBack }) {
      for row in stride(from: 0, to: inputs.rows.count, by: sampleStep) {
        sums.sample.tokens += 1
        sums.sample.inputs += inputs.values(ofRow: row)
        if hasGradients, let gradient { sums.sample.gradients += gradient.values(ofRow: row) }
      }
      return
    }
    if !squaresComeFirst.contains(key) { try add(squaresOf: inputs, to: [key]) }
    var isSound = true
    sums.tokens += inputs.rows.count
    let weighted = Matrix(rows: inputs.rows.count, columns: inputs.columns.count)
    KernelSet.best.copy(inputs, to: weighted.part())
    if let gradient {
      for row in 0..<inputs.rows.count {
        let weight = gradient.meanSquare(ofRow: row)
        isSound = Self.add(Double(weight), to: &sums.weight, scale: unit(key).gradients) && isSound
        let factor = weight.squareRoot()
        weighted.withMutableRows(row..<row + 1) { values in for index in values.indices { values[index] *= factor } }
      }
    } else {
      sums.weight += Int64(inputs.rows.count)
    }
    isSound = try await sums.inputs.add(weighted.part(), workers: workers, memories: memories) && isSound
    if let gradient, let gradients = sums.gradients {
      isSound = try await gradients.add(gradient, workers: workers, memories: memories) && isSound
    }
    guard isSound else { throw Self.unsound(key) }
  }

  private static func unsound(_ key: String) -> FileError {
    FileError(
      .mismatch, path: key,
      "is given activations, or gives gradients, that are infinite, too large or not a number; are weights damaged?")
  }

  private func unit(_ key: String) -> Units {
    // Experts that the probe has not reached have those of others.
    if let units = units[key] { return units }
    let stack = key.prefix { $0 != "@" }
    let others = units.filter { $0.key.hasPrefix(stack) }.sorted { $0.key < $1.key }
    return others.first?.value ?? units.sorted { $0.key < $1.key }.first?.value
      ?? Units(inputs: 0x1p24, gradients: 0x1p24, squares: 0x1p24)
  }

  /// Adds a value, rounded to a whole unit.
  /// - Returns: whether it fits.
  private static func add(_ value: Double, to sum: inout Int64, scale: Double) -> Bool {
    guard let units = Int64(exactly: (value * scale).rounded()) else { return false }
    let (total, overflows) = sum.addingReportingOverflow(units)
    sum = total
    return !overflows
  }

  /// What is known of layers, which is given up.
  func take(_ keys: [String]) -> [LayerSums] {
    let alike = state.withLock(\.alike)
    let known = taken(keys.filter { alike[$0] == nil })
    return known
      + keys.compactMap { key in
        guard let first = alike[key], var sums = known.first(where: { $0.key == first }) else { return nil }
        sums.key = key
        return sums
      }
  }

  private func taken(_ keys: [String]) -> [LayerSums] {
    keys.compactMap { key in
      guard let sums = state.withLock({ $0.layers.removeValue(forKey: key) }), sums.tokens > 0,
        let squares = state.withLock({ $0.squares.removeValue(forKey: key) })
      else { return nil }
      let unit = unit(key)
      return LayerSums(
        key: key, tokens: sums.tokens,
        weight: ExactSums(exponent: isFisher ? Int(unit.gradients.exponent) : 0, values: [sums.weight]),
        inputs: sums.inputs.sums, gradients: sums.gradients?.sums,
        squares: ExactSums(exponent: Int(unit.squares.exponent), values: squares.sums),
        sample: sums.sample.tokens == 0 ? nil : sums.sample)
    }
  }
}

/// Finds what units sums need: the largest mean squares that a short probe shows.
final class MomentProbe: GradientObserver {
  private let found = Mutex<[String: MomentCollector.Units]>([:])

  /// Bits of a sum that the largest mean square of one token takes, so that as many tokens as are ever read fit above, and
  /// columns with small values below.
  private static let bits = 32.0

  func observe(_ inputs: MatrixPart, gradient: MatrixPart, of layer: LinearLayer, workers: Workers) async throws {
    var squares = [Double](repeating: 0, count: inputs.columns.count)
    var plain = squares
    var slopes = [Double](repeating: 0, count: gradient.columns.count)
    KernelSet.best.addSquares(of: inputs, to: &plain)
    for row in 0..<inputs.rows.count {
      let weight = Double(gradient.meanSquare(ofRow: row))
      for (index, value) in inputs.values(ofRow: row).enumerated() {
        squares[index] += weight * Double(value) * Double(value)
      }
    }
    KernelSet.best.addSquares(of: gradient, to: &slopes)
    let count = Double(max(1, inputs.rows.count))
    found.withLock {
      $0[layer.key] = .init(
        inputs: Self.scale((squares.max() ?? 0) / count), gradients: Self.scale((slopes.max() ?? 0) / count),
        squares: Self.scale((plain.max() ?? 0) / count))
    }
  }

  /// A power of 2^8, so that another processor's last bits find the same.
  private static func scale(_ largest: Double) -> Double {
    guard largest > 0, largest.isFinite else { return 0x1p24 }
    let exponent = bits - Double(largest.exponent)
    return Double(sign: .plus, exponent: Int((exponent / 8).rounded(.down)) * 8, significand: 1)
  }

  var units: [String: MomentCollector.Units] { found.withLock { $0 } }
}

extension MatrixPart {
  func values(ofRow row: Int) -> [Float] {
    matrix.withRow(rows.lowerBound + row) { values in columns.map { values[$0] } }
  }

  func meanSquare(ofRow row: Int) -> Float {
    matrix.withRow(rows.lowerBound + row) { values in
      var sum = 0.0
      for column in columns { sum += Double(values[column]) * Double(values[column]) }
      return Float(sum / Double(max(1, columns.count)))
    }
  }
}
