internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization

extension ReverseRun {
  /// Back through a mixture of experts, one expert after the other, and through the choice of experts to its routes. Which
  /// experts are chosen is taken as given.
  /// - Parameter gradient: of the sums that the experts have given.
  func mix(
    _ mixture: LoadedMixture, _ record: StepRecord, from: Register, gradient: Matrix
  ) async throws {
    let routes = record.input(.routes)
    let columns = mixture.ups.first?.inputs ?? 0
    let inputs = record.input(from).part(columns: 0..<columns)
    let assignments = await run.assignments(mixture.experts, by: routes)
    var slopes = Array(repeating: Float(0), count: assignments.count)
    for (expert, places) in assignments.byExpert.enumerated() where !places.isEmpty {
      try await reverse(
        mixture, expert: expert, assignments, places, inputs,
        given: gradient.part(columns: 0..<mixture.downs[expert].outputs),
        to: self.gradient(from).part(columns: 0..<columns), slopes: &slopes)
    }
    let slopesOfTokens = assignments.byToken(slopes, tokens: run.tokens)
    let target = self.gradient(.routes)
    try await run.forEachBlock { rows, _ in
      for token in rows {
        routes.withRow(token) { routes in
          target.withMutableRows(token..<token + 1) {
            Self.addRouteGradient(routes, mixture.experts, slopes: slopesOfTokens[token], to: &$0)
          }
        }
      }
    }
  }

  private func reverse(
    _ mixture: LoadedMixture, expert: Int, _ assignments: ExpertAssignments, _ places: Range<Int>,
    _ inputs: MatrixPart, given: MatrixPart, to target: MatrixPart, slopes: inout [Float]
  ) async throws {
    let (up, down, gate) = (mixture.ups[expert], mixture.downs[expert], mixture.gates?[expert])
    let tokens = assignments.tokens(places)
    let own = Matrix(rows: tokens.count, columns: inputs.columns.count)
    let outputs = Matrix(rows: tokens.count, columns: down.outputs)
    ModelRun.gather(tokens, of: inputs, into: own)
    ModelRun.gather(tokens, of: given, into: outputs)

    // The inner values again, and the gradients of them as if the expert had all the weight.
    let gates = Matrix(rows: tokens.count, columns: mixture.size)
    let ups = Matrix(rows: tokens.count, columns: mixture.size)
    let inner = Matrix(rows: tokens.count, columns: mixture.size)
    let whole = Matrix(rows: tokens.count, columns: mixture.size)
    try await ModelRun.apply(
      [(up, ups.part())] + (gate.map { [($0, gates.part())] } ?? []), to: own.part(), workers: run.workers,
      memories: run.memories, adding: false)
    KernelSet.best.activate(
      gate == nil ? ups.part() : gates.part(), gate == nil ? nil : ups.part(), mixture.activation, into: inner.part())
    KernelSet.best.clear(whole.part())
    try await Self.add(
      outputs.part(), times: down, to: whole.part(), workers: run.workers, memories: run.memories)
    for (row, place) in places.enumerated() {
      let weight = assignments.weight(place)
      var slope = inner.withRow(row) { inner in
        whole.withMutableRows(row..<row + 1) { whole in
          var sum = 0.0
          for index in whole.indices {
            sum += Double(whole[index]) * Double(inner[index])
            whole[index] *= weight
          }
          return sum
        }
      }
      outputs.withMutableRows(row..<row + 1) { outputs in
        for index in outputs.indices {
          if let bias = down.bias { slope += Double(outputs[index]) * Double(bias[index]) }
          outputs[index] *= weight
        }
      }
      slopes[place] = Float(slope)
    }
    try await observer.observe(inner.part(), gradient: outputs.part(), of: down, workers: run.workers)

    let sums = Matrix(rows: tokens.count, columns: inputs.columns.count)
    KernelSet.best.clear(sums.part())
    KernelSet.best.reverseActivate(
      gate == nil ? ups.part() : gates.part(), gate == nil ? nil : ups.part(), mixture.activation,
      gradient: whole.part())
    for (layer, values) in [(up, ups)] + (gate.map { [($0, gates)] } ?? []) {
      try await observer.observe(own.part(), gradient: values.part(), of: layer, workers: run.workers)
      try await Self.add(values.part(), times: layer, to: sums.part(), workers: run.workers, memories: run.memories)
    }
    for (row, token) in tokens.enumerated() {
      KernelSet.best.add(sums.part(rows: row..<row + 1), to: target.rows(token..<token + 1))
    }
  }

  /// Adds the gradient of the routes of one token.
  /// - Parameter slopes: of the loss with respect to the weights of the chosen experts, by their numbers.
  private static func addRouteGradient(
    _ routes: Span<Float>, _ experts: FeedForward.Experts, slopes: [(expert: Int, slope: Float)],
    to gradient: inout MutableSpan<Float>
  ) {
    let chosen = ModelRun.choose(routes, experts)
    let slopeOf = Dictionary(slopes.map { ($0.expert, $0.slope) }) { first, _ in first }
    var slopes = chosen.map { slopeOf[$0.expert] ?? 0 }
    let all: [(expert: Int, share: Float)]
    switch experts.weighting {
    case .softmaxOfAll:
      let shares = ModelRun.softmax((0..<experts.count).map { routes[$0] })
      if experts.isNormalized {
        let sum = chosen.reduce(0) { $0 + shares[$1.expert] }
        let mean = zip(chosen, slopes).reduce(0) { $0 + $1.0.weight * $1.1 }
        slopes = slopes.map { ($0 - mean) / sum }
      }
      all = shares.enumerated().map { ($0.offset, $0.element) }
    case .softmaxOfUsed:
      // They add up to 1 already.
      all = chosen.map { ($0.expert, $0.weight) }
    }
    let bySlope = Dictionary(zip(chosen, slopes).map { ($0.0.expert, $0.1) }) { first, _ in first }
    let mean = all.reduce(0) { $0 + $1.share * (bySlope[$1.expert] ?? 0) }
    for (expert, share) in all { gradient[expert] += share * ((bySlope[expert] ?? 0) - mean) }
  }
}

extension ExpertAssignments {
  /// Numbers of places, as lists for each token.
  func byToken(_ numbers: [Float], tokens count: Int) -> [[(expert: Int, slope: Float)]] {
    var lists = Array(repeating: [(expert: Int, slope: Float)](), count: count)
    for (expert, places) in byExpert.enumerated() {
      for place in places { lists[token(place)].append((expert, numbers[place])) }
    }
    return lists
  }
}
