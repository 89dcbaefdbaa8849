public import Bytes
public import Calibration
public import Conversion
internal import Tensors

/// Outputs that are written to be measured, and removed.
public struct TrialOutputs: Sendable {
  let checkpoint: Checkpoint
  /// Everything but types.
  public let recipe: Recipe
  /// The output, and where trials are.
  private let output: Destination
  private let destination: Destination
  private let gate: CalibrationGate?
  let damage: CalibratedDamage?
  private let workers: Workers

  /// - Parameters:
  ///   - recipe: what of types stands whatever is tried: its overrides. Its rule counts for nothing.
  ///   - destination: where the output will go; trials are beside it, hidden (`Destination.hiddenOutputs`).
  ///   - gate: measures what outputs do to predictions; nil where that is not measured.
  /// - Throws: `FileError` when the recipe's calibration cannot be read.
  public init(
    of checkpoint: Checkpoint, _ recipe: Recipe, for destination: Destination, gate: CalibrationGate?, workers: Workers
  ) throws(FileError) {
    self.checkpoint = checkpoint
    self.recipe = recipe
    output = destination
    self.destination = destination.hidden(.trial)
    self.gate = gate
    self.workers = workers
    damage = try recipe.calibration.map { calibration throws(FileError) in
      try CalibratedDamage(calibration, of: checkpoint)
    }
  }

  var canMeasure: Bool { gate != nil }

  /// Plans an output of these types. Its place is that of a trial.
  func plan(_ rule: Recipe.Rule) throws(FileError) -> Plan {
    try Plan(converting: checkpoint, to: destination, recipe: recipe.forTrial(rule), workers: workers.count)
  }

  /// Plans the output itself with these types.
  func wholePlan(_ rule: Recipe.Rule) throws(FileError) -> Plan {
    try Plan(converting: checkpoint, to: output, recipe: recipe.forTrial(rule), workers: workers.count)
  }

  /// Writes an output, and removes it when something was done with it. What is left after an error goes with the hidden outputs.
  func with<Value>(_ table: TypeTable, _ body: (Checkpoint) async throws -> Value) async throws -> Value {
    let plan = try plan(.table(table))
    do {
      try await plan.pour(workers: workers.count, isResuming: false)
      let value = try await body(try Checkpoint(path: plan.outputPath))
      try plan.removeOutput()
      return value
    } catch let error as FileError where error.code == .interrupted {
      throw FileError(
        .interrupted, path: output.path, "interrupted while its types were looked for; the next run looks for them anew"
      )
    }
  }

  /// The mean divergence that an output brings, each kind of text counting alike.
  func divergence(of output: Checkpoint) async throws -> Double {
    guard let gate else { return 0 }
    return CalibrationGate.mean(try await gate.measure(output.path))
  }

  /// As many workers as fit half of the memory with a matrix each.
  func matrixWorkers(for tensors: [PlannedTensor]) -> Workers {
    let largest =
      tensors.map { tensor in
        CalibratedDamage.memory(rows: tensor.shape.dropLast().last ?? 1, columns: tensor.rows.columns)
      }.max() ?? 1
    let fitting = FileSystem.availableMemory().map { Int(Double($0) / 2 / largest) } ?? workers.count
    return Workers(count: max(1, min(workers.count, fitting)))
  }
}
