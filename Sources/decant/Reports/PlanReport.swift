internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Tensors

/// A plan as people and programs see it: before it is carried out, and after.
struct PlanReport {
  let plan: Plan
  let before: Before
  private let part: PlanPart?

  /// What the output is made of.
  struct Before {
    let byteCount: Int
    let bitsPerWeight: Double
  }

  /// - Parameter part: the part of the plan that is told of; nil for all of it.
  init(_ plan: Plan, _ before: Before, part: PlanPart? = nil) {
    self.plan = part?.plan ?? plan
    self.before = before
    self.part = part
  }

  // MARK: - For people

  /// Every output tensor with its place, then the totals.
  func write(isVerbose: Bool, _ line: (String) throws(FileError) -> Void) throws(FileError) {
    let shards = Dictionary(
      plan.files.enumerated().map { ($1.name, "\($0 + 1) of \(plan.files.count)") }, uniquingKeysWith: { one, _ in one }
    )
    let tensors = plan.tensors
    // Numbers, since a tensor of a plan is large and there may be hundreds of thousands.
    let order = tensors.indices.sorted { LayerNames.precedes(tensors[$0].name, tensors[$1].name) }
    let rows = order.lazy.map { tensors[$0] }.flatMap { tensor in
      tensor.planes.enumerated().map { number, plane in
        let place = plan.place(of: plane.descriptor)
        return [
          plane.descriptor.name,
          number == 0 ? "\(tensor.sourceType) -> \(tensor.targetType)" : "",
          number == 0 ? tensor.shape.map(String.init).joined(separator: " x ") : "",
          NumberText.grouped(plane.descriptor.byteCount),
          place.map { NumberText.grouped($0.offset) } ?? "",
        ] + (plan.files.count > 1 ? [place.flatMap { shards[$0.file] } ?? ""] : [])
      }
    }
    let columns = ["Tensor", "Type", "Shape", "Bytes", "Offset"] + (plan.files.count > 1 ? ["Shard"] : [])
    try ReportTable("Output of \(plan.destination.path)", columns: columns, leading: 3, rows: rows).forEachLine(line)
    try line("")
    let free = plan.destination.freeBytes.map { "; \(NumberText.bytes($0)) are free there" } ?? ""
    for text in plan.notes.flatMap({ $0.lines(isVerbose: isVerbose) }) + [totals + free] { try line(text.printable) }
    try line(costs)
    try writeExactPairs(line)
  }

  private var costs: String {
    plan.costs.map { "\($0.count) \($0.count == 1 ? "tensor" : "tensors") \($0.cost)" }.joined(separator: ", ")
  }

  /// Which types hold the same numbers, where any weight that was quantized gets another form.
  private func writeExactPairs(_ line: (String) throws(FileError) -> Void) throws(FileError) {
    let isToGGUF = plan.destination.container == .gguf
    let isOfInterest = plan.tensors.contains { tensor in
      if case .encodedAgain = tensor.cost { true } else { tensor.cost == .repacked && tensor.targetType != "f32" }
    }
    guard isOfInterest, isToGGUF || plan.writtenLayout != nil else { return }
    let rows = ExactPairs.rows(into: isToGGUF ? nil : plan.writtenLayout)
    guard !rows.isEmpty else { return }
    try line("")
    try ReportTable(
      "What is repacked exactly into \(isToGGUF ? "a GGUF" : plan.writtenLayout ?? "")",
      columns: ["From", "Always", "Where scales and zero points allow"], leading: 3,
      rows: rows.map {
        [$0.source, $0.always.joined(separator: ", "), $0.sometimes.joined(separator: ", ")]
      }
    ).forEachLine(line)
  }

  private var totals: String {
    // A part is of the size of none of the inputs.
    guard part == nil else {
      return "\(NumberText.grouped(plan.parameterCount)) weights, \(NumberText.bytes(plan.byteCount)), "
        + "\(NumberText.fixed(plan.bitsPerWeight, 3)) bits per weight"
    }
    let share = Double(plan.byteCount) / Double(max(before.byteCount, 1))
    return "\(NumberText.grouped(plan.parameterCount)) weights, \(NumberText.bytes(before.byteCount)) -> "
      + "\(NumberText.bytes(plan.byteCount)) (\(NumberText.percent(share, 1))), "
      + "\(NumberText.fixed(before.bitsPerWeight, 3)) -> \(NumberText.fixed(plan.bitsPerWeight, 3)) bits per weight"
  }

  /// More files than these are told by the first and the last.
  private static let mostFiles = 12

  /// Merged tensors that are told unless everything is asked for.
  private static let mostMovements = 10

  /// What a finished job says.
  /// - Parameter seconds: how long it took; nil where that is told of several outputs together.
  func summaryLines(movements: [PourReport.Movement], seconds: Double?, isVerbose: Bool) -> [String] {
    var lines: [String] = []
    if !movements.isEmpty {
      let moved = movements.sorted { $0.relativeChange > $1.relativeChange }
      let shown = isVerbose ? moved[...] : moved.prefix(Self.mostMovements)
      let table = ReportTable(
        "Merged tensors, the most changed first", columns: ["Tensor", "Relative change"],
        rows: shown.map { [$0.name, NumberText.significant($0.relativeChange, 3)] })
      table.forEachLine { lines.append($0) }
      if shown.count < moved.count { lines.append("and \(moved.count - shown.count) more, which --verbose lists") }
      lines.append("")
    }
    let files = plan.files.map { "  \($0.name)  \(NumberText.bytes($0.byteCount))" }
    if let part {
      lines.append("wrote part \(part.part) of \(plan.destination.path) into \(part.folder.path): \(totals)")
    } else {
      lines.append(
        "wrote \(files.count > 1 && plan.destination.isFile ? plan.outputPath : plan.destination.path): \(totals)")
    }
    lines.append(
      "\(plan.tensors.count) tensors in \(files.count) \(files.count == 1 ? "file" : "files")"
        + (seconds.map { ", \(NumberText.fixed($0, $0 < 10 ? 2 : 0)) s" } ?? "") + (files.count > 1 ? ":" : ""))
    if files.count > 1 {
      lines += files.count <= Self.mostFiles ? files : [files[0], files[1], "  ...", files[files.count - 1]]
    }
    return lines
  }

  // MARK: - For programs

  /// What is known before the job: the output, its files and its tensors.
  var members: [String: JSONValue] {
    let members: [String: JSONValue] = [
      "output": .string(plan.destination.path), "container": .string(plan.destination.container.name),
      "weights": .integer(plan.parameterCount), "bytes": .integer(plan.byteCount),
      "bits_per_weight": .number(plan.bitsPerWeight),
      "costs": .object(
        Dictionary(plan.costs.map { ($0.cost.kind, JSONValue.integer($0.count)) }, uniquingKeysWith: Self.sum)),
      "before": [
        "bytes": .integer(before.byteCount), "bits_per_weight": .number(before.bitsPerWeight),
      ],
      "files": .array(plan.files.map { ["name": .string($0.name), "bytes": .integer($0.byteCount)] }),
      "tensors": .array(plan.tensors.map(describe)),
      "notes": plan.notes.json,
    ]
    guard let part else { return members }
    return members.merging([
      "part": [
        "number": .integer(part.part.number), "count": .integer(part.part.count), "folder": .string(part.folder.path),
      ]
    ]) { own, _ in own }
  }

  /// What is known after it.
  func outcome(movements: [PourReport.Movement], seconds: Double) -> [String: JSONValue] {
    [
      "seconds": .number(seconds),
      "merged": .array(
        movements.map { ["name": .string($0.name), "relative_change": .number($0.relativeChange)] }),
    ]
  }

  /// The keys, for the help of the commands that print them.
  static let keys =
    """
    With --json: output, container, weights, bytes, bits_per_weight, costs (how
    many tensors are copied, repacked, encoded, encoded_again), before (bytes,
    bits_per_weight), files (name, bytes), tensors (name, shape, source_type, type,
    cost, bytes, stored (name, bytes, file, offset), and where it is so from_bits,
    substituted_because), notes; after the job also seconds and, with adapters,
    merged (name, relative_change, null where a weight is not finite), and of a
    part alone part (number, count, folder).
    """

  /// The same with `--verify`.
  static let keysWithVerification =
    """
    \(keys)
    With --verify also verification, which has the keys of compare. With
    --calibration also calibration (kept, texts, tensors). Of several types all of
    it under "outputs".
    """

  private static func sum(_ first: JSONValue, _ second: JSONValue) -> JSONValue {
    .integer((first.int ?? 0) + (second.int ?? 0))
  }

  private func describe(_ tensor: PlannedTensor) -> JSONValue {
    var members: [String: JSONValue] = [
      "name": .string(tensor.name), "shape": .array(tensor.shape.map(JSONValue.integer)),
      "source_type": .string(tensor.sourceType), "type": .string(tensor.targetType),
      "cost": .string(tensor.cost.kind), "bytes": .integer(tensor.byteCount),
      "stored": .array(
        tensor.planes.map { plane in
          let place = plan.place(of: plane.descriptor)
          return [
            "name": .string(plane.descriptor.name), "bytes": .integer(plane.descriptor.byteCount),
            "file": .string(place?.file ?? ""), "offset": .integer(place?.offset ?? 0),
          ]
        }),
    ]
    if case .encodedAgain(let bits) = tensor.cost { members["from_bits"] = .integer(bits) }
    if let reason = tensor.substitution { members["substituted_because"] = .string(reason) }
    return .object(members)
  }
}
