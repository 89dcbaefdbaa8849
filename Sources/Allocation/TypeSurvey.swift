internal import Bytes
internal import Calibration
internal import Conversion
internal import Quantization
internal import Tensors

/// Finds out what each of several types would make of each tensor: its bytes by plans, its damage by encoding it.
///
/// An output of one type at a time is written and removed. What a calibration knows of a layer tells what errors of its weights do to the
/// predictions. Of other tensors those that are named alike are measured together, with all else left as it is, and share that
/// by their relative errors.
public struct TypeSurvey: Sendable {
  private let trial: TrialOutputs
  private let tensors: [Surveyed]
  /// Of tensors that every plan gives one type of blocks: rows may fit no other.
  private let settled: [String: TargetType]

  /// A tensor with a choice.
  private struct Surveyed: Sendable {
    let tensor: PlannedTensor
    /// By size; of each the plan that gives it.
    var options: [(type: TargetType, byteCount: Int, plan: Int)]
    /// How much its columns matter, for each matrix; nil where all matter alike.
    var importance: [Float]?
  }

  /// What was found of an option.
  private struct Error: Sendable {
    /// Of what the weights weigh, columns by their importance.
    var relative: Double
    /// In nats a token; nil where no calibration tells.
    var divergence: Double?
  }

  /// - Parameter plans: of outputs in which each tensor has one type as far as it can, one plan a type.
  init(_ plans: [Plan], _ trial: TrialOutputs) {
    var options: [String: Surveyed] = [:]
    var names: [String] = []
    for (number, plan) in plans.enumerated() {
      for tensor in plan.tensors where tensor.shape.count > 1 {
        guard let type = tensor.type else { continue }
        if options[tensor.name] == nil {
          names.append(tensor.name)
          options[tensor.name] = Surveyed(tensor: tensor, options: [])
        }
        let isKnown = options[tensor.name]?.options.contains {
          $0.byteCount == tensor.byteCount && $0.type.text == type.text
        }
        if isKnown == false { options[tensor.name]?.options.append((type, tensor.byteCount, number)) }
        if let importance = tensor.importance { options[tensor.name]?.importance = importance }
      }
    }
    tensors = names.compactMap { options[$0] }.filter { $0.options.count > 1 }
    settled = options.compactMapValues { surveyed in
      surveyed.options.count == 1 ? surveyed.options.first.flatMap { $0.type.isElement ? nil : $0.type } : nil
    }
    self.trial = trial
  }

  /// Whether a plan gives each tensor that has a choice one of its types.
  func allows(_ plan: Plan) -> Bool {
    let types = Dictionary(plan.tensors.map { ($0.name, $0.type?.text) }) { first, _ in first }
    return tensors.allSatisfy { tensor in tensor.options.contains { $0.type.text == types[tensor.tensor.name] } }
  }

  /// A table of tensors that have a choice, with those that have none.
  func completed(_ table: TypeTable) -> TypeTable { TypeTable(settled.merging(table.types) { $1 }) }

  /// Whether any tensor has a choice.
  var hasChoice: Bool { !tensors.isEmpty }

  /// The smallest or the largest type of each tensor, and their bytes.
  func extreme(_ isLess: (Int, Int) -> Bool) -> (table: TypeTable, byteCount: Int) {
    let chosen = tensors.compactMap { tensor in
      tensor.options.min { isLess($0.byteCount, $1.byteCount) }.map { (tensor.tensor.name, $0) }
    }
    return (
      TypeTable(Dictionary(chosen.map { ($0.0, $0.1.type) }) { first, _ in first }),
      chosen.reduce(0) { $0 + $1.1.byteCount }
    )
  }

  /// What a survey tells while it runs.
  public enum Event: Sendable {
    /// Tensors are encoded with the type of this number.
    case encoding(type: Int)
    /// What is done to the predictions by tensors that are named like this one.
    case measuring(String)
  }

  /// Encodes and measures.
  /// - Throws: what pouring, opening and measuring outputs throws; `CancellationError`.
  func run(_ event: (Event) -> Void) async throws -> [TensorOptions] {
    var errors: [[Error?]] = tensors.map { Array(repeating: nil, count: $0.options.count) }
    for plan in Set(tensors.flatMap { $0.options.map(\.plan) }).sorted() {
      event(.encoding(type: plan))
      let wanted = tensors.enumerated().flatMap { number, tensor in
        tensor.options.indices.filter { tensor.options[$0].plan == plan }.map { (tensor: number, option: $0) }
      }
      let table = wanted.map { (tensors[$0.tensor].tensor.name, tensors[$0.tensor].options[$0.option].type) }
      let found = try await trial.with(TypeTable(Dictionary(table) { first, _ in first })) { output in
        try await self.errors(of: wanted.map { tensors[$0.tensor] }, in: output)
      }
      for (place, error) in zip(wanted, found) { errors[place.tensor][place.option] = error }
    }
    let scales = try await scales(errors, event)
    return tensors.enumerated().map { number, tensor in
      TensorOptions(
        name: tensor.tensor.name, elementCount: tensor.tensor.elementCount,
        options: zip(tensor.options, errors[number]).map { option, error in
          TypeOption(
            type: option.type, byteCount: option.byteCount,
            damage: error.map { $0.divergence ?? $0.relative * scales[number] } ?? 0)
        })
    }
  }

  // MARK: - Errors

  private func errors(of surveyed: [Surveyed], in output: Checkpoint) async throws -> [Error] {
    let after = Dictionary(output.weights.map { ($0.name, $0) }) { first, _ in first }
    let damage = trial.damage
    return try await trial.matrixWorkers(for: surveyed.map(\.tensor)).map(surveyed.count) { number, _ in
      let own = surveyed[number]
      guard let weight = after[own.tensor.name], weight.shape == own.tensor.shape else {
        throw FileError(.malformed, path: output.path, subject: own.tensor.name, "is not what was written")
      }
      return try Self.error(of: own, after: weight, damage)
    }
  }

  private static func error(
    of surveyed: Surveyed, after weight: any StoredWeight, _ damage: CalibratedDamage?
  ) throws(FileError) -> Error {
    let tensor = surveyed.tensor
    let columns = tensor.rows.columns
    let size = (tensor.shape.dropLast().last ?? 1) * columns
    let damage = damage.flatMap { $0.knows(tensor) ? $0 : nil }
    var (before, changed) = ([Float](repeating: 0, count: size), [Float](repeating: 0, count: size))
    var scratch: [UInt8] = []
    var (lost, whole, divergence) = (0.0, 0.0, 0.0)
    for matrix in 0..<tensor.elementCount / max(1, size) {
      let elements = matrix * size..<(matrix + 1) * size
      var values = before.mutableSpan
      try tensor.rows.read(elements: elements, into: &values, scratch: &scratch)
      var others = changed.mutableSpan
      try weight.read(elements: elements, into: &others, scratch: &scratch)
      let weights = surveyed.importance.map { Array($0[min($0.count - columns, matrix * columns)...].prefix(columns)) }
      for row in stride(from: 0, to: size, by: columns) {
        for column in 0..<columns {
          let weight = Double(weights?[column] ?? 1)
          let error = Double(changed[row + column]) - Double(before[row + column])
          lost += weight * error * error
          whole += weight * Double(before[row + column]) * Double(before[row + column])
          changed[row + column] = Float(error)
        }
      }
      if let damage { divergence += try damage.divergence(of: changed.span, tensor: tensor, matrix: matrix) }
    }
    return Error(relative: lost == 0 ? 0 : lost / whole, divergence: damage == nil ? nil : divergence)
  }

  // MARK: - Scales

  /// What a relative error of each tensor costs, where no calibration tells.
  private func scales(_ errors: [[Error?]], _ event: (Event) -> Void) async throws -> [Double] {
    let unknown = tensors.indices.filter { errors[$0].contains { $0 != nil && $0?.divergence == nil } }
    var scales = Array(repeating: 1.0, count: tensors.count)
    guard trial.canMeasure else {
      // As much as the same errors cost where it is known.
      let known = errors.joined().compactMap { $0 }.filter { $0.divergence != nil }
      let relative = known.reduce(0) { $0 + $1.relative }
      guard relative > 0 else { return scales }
      let scale = known.reduce(0) { $0 + ($1.divergence ?? 0) } / relative
      for number in unknown { scales[number] = scale }
      return scales
    }
    let kinds = Dictionary(grouping: unknown) { number in LayerNames.kind(of: tensors[number].tensor.name) }
    for kind in kinds.values.sorted(by: { ($0.first ?? 0) < ($1.first ?? 0) }) {
      let options = kind.map { ($0, Self.middle(tensors[$0])) }
      let relative = options.reduce(0) { $0 + (errors[$1.0][$1.1]?.relative ?? 0) }
      guard let first = kind.first, relative > 0 else { continue }
      event(.measuring(tensors[first].tensor.name))
      let table = options.map { (tensors[$0.0].tensor.name, tensors[$0.0].options[$0.1].type) }
      let divergence = try await trial.with(TypeTable(Dictionary(table) { first, _ in first })) { output in
        try await trial.divergence(of: output)
      }
      for number in kind { scales[number] = divergence / relative }
    }
    return scales
  }

  /// The option nearest to 4.5 bits a weight: its damage can be seen, and is not yet beyond all proportion.
  private static func middle(_ tensor: Surveyed) -> Int {
    func distance(_ option: Int) -> Double {
      abs(Double(tensor.options[option].byteCount) * 8 / Double(max(1, tensor.tensor.elementCount)) - 4.5)
    }
    return tensor.options.indices.min { distance($0) < distance($1) } ?? 0
  }
}
