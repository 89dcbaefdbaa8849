internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization
internal import RealModule

extension ModelRun {
  /// Gives every token to the experts that its routes choose, and writes the weighted sum of what these give. An expert's
  /// weights are multiplied only for its own tokens.
  func mix(_ mixture: LoadedMixture, from: ForwardPass.Register, to: ForwardPass.Register) async throws {
    let input = part(from, columns: mixture.ups.first?.inputs ?? 0)
    let assignments = await assignments(mixture.experts, by: matrix(.routes))
    let inner = Matrix(rows: max(1, assignments.count), columns: mixture.size)
    if observer != nil {
      for (expert, places) in assignments.byExpert.enumerated() where !places.isEmpty {
        let gathered = Matrix(rows: places.count, columns: input.columns.count)
        Self.gather(assignments.tokens(places), of: input, into: gathered)
        let layers = (mixture.gates.map { [$0[expert]] } ?? []) + [mixture.ups[expert]]
        try await show(gathered.part(), of: layers)
      }
    }
    try await feed(assignments, mixture, from: input, into: inner)
    if observer != nil {
      for (expert, places) in assignments.byExpert.enumerated() where !places.isEmpty {
        try await show(inner.part(rows: places), of: [mixture.downs[expert]])
      }
    }
    try await collect(assignments, mixture, from: inner, into: matrix(to))
  }

  // MARK: - Routes

  func assignments(_ experts: FeedForward.Experts, by routes: Matrix) async -> ExpertAssignments {
    let chosen = await workers.map(tokens) { token, _ in
      routes.withRow(token) { Self.choose($0, experts) }
    }
    return ExpertAssignments(chosen, expertCount: experts.count)
  }

  /// The experts of a token and their weights. Of equal ones the first is taken.
  static func choose(
    _ routes: Span<Float>, _ experts: FeedForward.Experts
  ) -> [(expert: Int, weight: Float)] {
    var numbers = (0..<experts.count).map { routes[$0] }
    if experts.weighting == .softmaxOfAll { numbers = softmax(numbers) }
    let order = numbers.indices.sorted { (numbers[$0], $1) > (numbers[$1], $0) }.prefix(experts.usedCount)
    var weights = order.map { numbers[$0] }
    if experts.weighting == .softmaxOfUsed { weights = softmax(weights) }
    if experts.isNormalized {
      let sum = weights.reduce(0, +)
      weights = weights.map { $0 / sum }
    }
    return zip(order, weights).map { ($0, $1) }
  }

  static func softmax(_ numbers: [Float]) -> [Float] {
    let largest = numbers.max() ?? 0
    let powers = numbers.map { Double.exp(Double($0) - Double(largest)) }
    let sum = powers.reduce(0, +)
    return powers.map { Float($0 / sum) }
  }

  // MARK: - Products

  static func gather(_ tokens: [Int], of input: MatrixPart, into target: Matrix) {
    for (row, token) in tokens.enumerated() {
      input.matrix.withRow(input.rows.lowerBound + token) { values in
        target.withMutableRows(row..<row + 1) { own in
          for (index, column) in input.columns.enumerated() { own[index] = values[column] }
        }
      }
    }
  }

  /// The inner values of all experts, a row for each token of each.
  private func feed(
    _ assignments: ExpertAssignments, _ mixture: LoadedMixture, from input: MatrixPart, into inner: Matrix
  ) async throws {
    let half = max(1, Panel.rows(of: .max, columns: input.columns.count) / 2)
    let panels = Panel.pieces(mixture.size, of: half)
    let busy = assignments.byExpert.indices.filter { !assignments.byExpert[$0].isEmpty }
    try await workers.forEach(busy.count * panels.count) { [self] item, worker in
      let (expert, panel) = (busy[item / panels.count], panels[item % panels.count])
      let (gate, up) = (mixture.gates?[expert], mixture.ups[expert])
      try memories[worker].withContents { memory in
        let decoded = memory.matrix(.panel, rows: 2 * half, columns: input.columns.count)
        try up.decode(panel, into: decoded, at: 0, memory: &memory)
        try gate?.decode(panel, into: decoded, at: panel.count, memory: &memory)
        let used = gate == nil ? panel.count : 2 * panel.count
        for places in Panel.pieces(assignments.byExpert[expert].count, of: Panel.tokens) {
          let own = assignments.byExpert[expert].lowerBound + places.lowerBound
          let rows = own..<own + places.count
          let gathered = memory.matrix(.gathered, rows: places.count, columns: input.columns.count)
          Self.gather(assignments.tokens(rows), of: input, into: gathered)
          let result = memory.matrix(.gate, rows: places.count, columns: used).part()
          KernelSet.best.multiply(
            gathered.part(), transposed: decoded.part(rows: 0..<used), into: result, memory: memory.product)
          let ups = result.columns(0..<panel.count)
          up.addBias(panel: panel, to: ups)
          let target = inner.part(rows: rows, columns: panel)
          guard let gate else {
            KernelSet.best.activate(ups, nil, mixture.activation, into: target)
            continue
          }
          let gates = result.columns(panel.count..<used)
          gate.addBias(panel: panel, to: gates)
          KernelSet.best.activate(gates, ups, mixture.activation, into: target)
        }
      }
    }
  }

  /// The weighted sums of what experts give. A worker has some columns of all experts, so that sums have one order.
  private func collect(
    _ assignments: ExpertAssignments, _ mixture: LoadedMixture, from inner: Matrix, into target: Matrix
  ) async throws {
    guard let first = mixture.downs.first else { return }
    let panels = Panel.pieces(first.outputs, of: min(Panel.rows(of: first.outputs, columns: first.inputs), 256))
    try await workers.forEach(panels.count) { [self] number, worker in
      let panel = panels[number]
      try memories[worker].withContents { memory in
        for row in 0..<tokens {
          target.withMutableRows(row..<row + 1) { values in for column in panel { values[column] = 0 } }
        }
        for (expert, places) in assignments.byExpert.enumerated() where !places.isEmpty {
          let decoded = try mixture.downs[expert].decode(panel, memory: &memory)
          for block in Panel.pieces(places.count, of: Panel.tokens) {
            let rows = places.lowerBound + block.lowerBound..<places.lowerBound + block.upperBound
            let result = memory.matrix(.gate, rows: block.count, columns: panel.count)
            mixture.downs[expert].apply(
              panel: panel, decoded: decoded, to: inner.part(rows: rows), into: result.part(), adding: false,
              memory: memory.product)
            for (row, place) in rows.enumerated() {
              let (token, weight) = (assignments.token(place), assignments.weight(place))
              result.withRow(row) { given in
                target.withMutableRows(token..<token + 1) { values in
                  for (index, column) in panel.enumerated() { values[column] += weight * given[index] }
                }
              }
            }
          }
        }
      }
    }
  }
}

/// Which tokens each expert has, and their weights: places in order of the experts, and of the tokens of each.
struct ExpertAssignments: Sendable {
  /// The places of each expert.
  let byExpert: [Range<Int>]
  private let places: [(token: Int, weight: Float)]

  init(_ chosen: [[(expert: Int, weight: Float)]], expertCount: Int) {
    var lists = Array(repeating: [(token: Int, weight: Float)](), count: expertCount)
    for (token, experts) in chosen.enumerated() {
      for (expert, weight) in experts { lists[expert].append((token, weight)) }
    }
    var start = 0
    byExpert = lists.map { list in
      defer { start += list.count }
      return start..<start + list.count
    }
    places = lists.flatMap { $0 }
  }

  var count: Int { places.count }

  func token(_ place: Int) -> Int { places[place].token }
  func weight(_ place: Int) -> Float { places[place].weight }
  func tokens(_ range: Range<Int>) -> [Int] { places[range].map(\.token) }
}
