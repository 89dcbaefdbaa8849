internal import Architectures
@_spi(Benchmarks) internal import Quantization

/// A step of a forward pass and what it was given, as far as the way back needs it.
struct StepRecord: Sendable {
  let step: Step
  let inputs: [ForwardPass.Register: Matrix]

  /// What the step was given in a register.
  func input(_ register: ForwardPass.Register) -> Matrix {
    guard let matrix = inputs[register] else { preconditionFailure("what a step reads is recorded") }
    return matrix
  }
}

extension Step {
  /// Registers whose values before the step the way back needs.
  var recorded: [Register] {
    switch self {
    case .embed, .addPositions, .add: []
    case .normalize(_, let from, _), .project(_, let from, _), .gate(_, _, _, let from, _): [from]
    case .activate(_, let register), .clamp(let register, _): [register]
    case .attend: [.queries, .keys, .values]
    case .mix(_, let from, _): [from, .routes]
    case .scaleByGate(_, let from, let of): [from, of]
    }
  }

  /// Registers that the step changes.
  var written: [Register] {
    switch self {
    case .embed(_, _, let to), .normalize(_, _, let to), .gate(_, _, _, _, let to), .mix(_, _, let to): [to]
    case .addPositions: [.stream]
    case .project(let layers, _, _): layers.map(\.to)
    case .activate(_, let register), .clamp(let register, _): [register]
    case .attend: [.mixed]
    case .scaleByGate(_, _, let of): [of]
    case .add(_, let to, _): [to]
    }
  }
}

extension ModelRun {
  /// Carries out steps and keeps what the way back needs. A register that does not change between two steps is kept once.
  func record(_ steps: ArraySlice<Step>) async throws -> [StepRecord] {
    var current: [ForwardPass.Register: Matrix] = [:]
    var records: [StepRecord] = []
    for step in steps {
      var inputs: [ForwardPass.Register: Matrix] = [:]
      for register in step.recorded {
        if current[register] == nil { current[register] = try await copied(register) }
        inputs[register] = current[register]
      }
      try await carryOut(step)
      for register in step.written { current[register] = nil }
      records.append(StepRecord(step: step, inputs: inputs))
    }
    return records
  }

  private func copied(_ register: ForwardPass.Register) async throws -> Matrix {
    let source = matrix(register)
    let copy = Matrix(rows: source.rows, columns: source.columns)
    try await forEachBlock { rows, _ in
      KernelSet.best.copy(source.part(rows: rows), to: copy.part(rows: rows))
    }
    return copy
  }
}
