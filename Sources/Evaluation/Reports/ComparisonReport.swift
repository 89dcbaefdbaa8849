public import Bytes
public import JSON

/// Two checkpoints of one model side by side: what was gained in size, and what it cost. Leads with the divergence of
/// the predictions, which shows damage long before perplexity does.
public struct ComparisonReport: TabularReport {
  public let before: MeasuredFile
  public let after: MeasuredFile
  /// What the predictions say; nil where only tensors were compared.
  public let comparison: Comparison?
  /// How the divergence is distributed over the scored places, and where it is greatest; nil where only tensors were
  /// compared.
  public let places: ReportedPlaces?
  /// Errors of the tensors, the worst first; empty where they were not compared.
  public let tensors: [TensorError]
  /// How many tensors the tables show; the object for programs has all of them.
  public let shownTensors: Int
  /// How it was measured; nil where nobody asked.
  public let origin: MeasurementOrigin?
  /// Which part of a measurement it is, with what puts it together with the others; nil for a whole one.
  public let part: MeasuredPart?

  public init(
    before: MeasuredFile, after: MeasuredFile, comparison: Comparison?, places: ReportedPlaces? = nil,
    tensors: [TensorError] = [], shownTensors: Int = 10, origin: MeasurementOrigin? = nil, part: MeasuredPart? = nil
  ) {
    self.before = before
    self.after = after
    self.comparison = comparison
    self.places = places
    self.tensors = tensors
    self.shownTensors = shownTensors
    self.origin = origin
    self.part = part
  }

  // MARK: For programs

  /// Keys: `before`, `after` (each with `name`, `bytes`, `bits_per_weight`, `perplexity`, `standard_error`, `nll`),
  /// `kl` (nats: `mean`, `standard_error`, `median`, `p90`, `p95`, `p99`, `p99_9`, `max`), `top1_agreement` (0 to 1),
  /// `delta` and `ratio` of the perplexities (each with `value`, `standard_error`), `rms_probability_change` (0 to 1),
  /// `tokens`, `chunks`, `context`, `kl_histogram` (bins: `from`, `to`, `count`), `worst` (places: `window`, `position`,
  /// `kl`, `passage`, `before`, `after`), `tensors`, `origin`, `part`.
  public var json: JSONValue {
    var members: [String: JSONValue] = [
      "before": .object(before.members(comparison?.before)),
      "after": .object(after.members(comparison?.after)),
    ]
    if let comparison {
      let divergence = comparison.divergence
      members["kl"] = .object([
        "mean": .finite(divergence.mean), "standard_error": .finite(divergence.standardError),
        "median": .finite(divergence.median), "p90": .finite(divergence.p90), "p95": .finite(divergence.p95),
        "p99": .finite(divergence.p99), "p99_9": .finite(divergence.p999), "max": .finite(divergence.maximum),
      ])
      members["top1_agreement"] = .finite(comparison.topAgreement)
      members["rms_probability_change"] = .finite(comparison.probabilityChange)
      members["delta"] = Self.members(comparison.delta)
      members["ratio"] = Self.members(comparison.ratio)
      members.merge(comparison.before.extent) { own, _ in own }
    }
    if let places { members.merge(places.members(.divergence, models: Self.models)) { own, _ in own } }
    members["origin"] = origin?.json
    members["part"] = part?.json(MeasuredPart.Columns.comparison)
    if !tensors.isEmpty { members["tensors"] = .array(tensors.map(Self.members)) }
    return .object(members)
  }

  private static let models = ["before", "after"]

  /// Reads what `json` gives.
  /// - Parameter place: where it lies in the document; empty for the whole of it.
  /// - Throws: `FileError` that names the file and what is missing or malformed.
  public init(_ json: JSONValue, place: String = "", path: String) throws(FileError) {
    let report = try ReportMembers(json, place: place, path: path)
    let (before, after) = (try report.object("before"), try report.object("after"))
    var comparison: Comparison?
    if let kl = try report.optionalObject("kl") {
      comparison = Comparison(
        before: try Perplexity(before, report), after: try Perplexity(after, report),
        divergence: Comparison.Divergence(
          mean: try kl.number("mean"), standardError: try kl.number("standard_error"), median: try kl.number("median"),
          p90: try kl.number("p90"), p95: try kl.number("p95"), p99: try kl.number("p99"),
          p999: try kl.number("p99_9"), maximum: try kl.number("max")),
        topAgreement: try report.number("top1_agreement"), delta: try Self.estimate(report.object("delta")),
        ratio: try Self.estimate(report.object("ratio")), places: nil,
        probabilityChange: try report.number("rms_probability_change"))
    }
    var tensors: [TensorError] = []
    for tensor in try report.objects("tensors") { tensors.append(try TensorError(tensor)) }
    let part = try report.optionalObject("part").map { part throws(FileError) in
      guard let comparison else { throw report.malformed("kl", "is missing, which a part of a comparison has") }
      return try MeasuredPart(
        part, MeasuredPart.Columns.comparison, contextLength: comparison.before.contextLength, tensors: tensors.count)
    }
    self.init(
      before: try MeasuredFile(before), after: try MeasuredFile(after), comparison: comparison,
      places: try ReportedPlaces(report, .divergence, models: Self.models), tensors: tensors,
      origin: try report.optionalObject("origin").map(MeasurementOrigin.init), part: part)
  }

  private static func estimate(_ report: ReportMembers) throws(FileError) -> Comparison.Estimate {
    Comparison.Estimate(value: try report.number("value"), standardError: try report.number("standard_error"))
  }

  private static func members(_ estimate: Comparison.Estimate) -> JSONValue {
    .object(["value": .finite(estimate.value), "standard_error": .finite(estimate.standardError)])
  }

  private static func members(_ tensor: TensorError) -> JSONValue {
    .object([
      "name": .string(tensor.name), "shape": .array(tensor.shape.map { .integer($0) }),
      "type_before": .string(tensor.encodingBefore), "type_after": .string(tensor.encodingAfter),
      "relative_squared_error": .finite(tensor.relativeSquaredError),
      "squared_error": .finite(tensor.squaredError), "max_error": .finite(tensor.largestError),
      "cosine": .finite(tensor.cosine), "share_of_squared_error": .finite(tensor.shareOfError),
    ])
  }

  // MARK: For people

  var tables: [ReportTable] {
    var tables: [ReportTable] = []
    if let comparison { tables += [divergenceTable(comparison), agreementTable(comparison)] }
    tables.append(fileTable)
    if !tensors.isEmpty, shownTensors > 0 { tables.append(tensorTable) }
    return tables
  }

  var remarks: [String] {
    guard let comparison else { return [] }
    return [comparison.before.remark]
  }

  private func divergenceTable(_ comparison: Comparison) -> ReportTable {
    let divergence = comparison.divergence
    func text(_ value: Double) -> String { NumberText.significant(value, 3) }
    return ReportTable(
      "KL divergence from before, nats a token", columns: ["mean", "median", "90 %", "95 %", "99 %", "99.9 %", "max"],
      leading: 0,
      rows: [
        [
          NumberText.significant(divergence.mean, 4) + " ± " + NumberText.significant(divergence.standardError, 2),
          text(divergence.median), text(divergence.p90), text(divergence.p95), text(divergence.p99),
          text(divergence.p999), text(divergence.maximum),
        ]
      ])
  }

  private func agreementTable(_ comparison: Comparison) -> ReportTable {
    ReportTable(
      "Predictions", columns: ["", "share"],
      rows: [
        ["Same most likely token", NumberText.percent(comparison.topAgreement)],
        ["Change of the right token's probability (RMS)", NumberText.percent(comparison.probabilityChange)],
      ])
  }

  private var fileTable: ReportTable {
    var rows: [[String]] = []
    if let one = before.bytes, let other = after.bytes {
      rows.append([
        "Size", NumberText.bytes(one), NumberText.bytes(other),
        one == 0 ? "" : NumberText.signed((Double(other) / Double(one) - 1) * 100, 1) + " %",
      ])
    }
    if let one = before.bitsPerWeight, let other = after.bitsPerWeight {
      rows.append([
        "Bits per weight", NumberText.fixed(one, 3), NumberText.fixed(other, 3), NumberText.signed(other - one, 3),
      ])
    }
    if let comparison {
      func text(_ estimate: Comparison.Estimate, sign: Bool) -> String {
        let decimals = max(4, NumberText.decimals(forUncertainty: estimate.standardError))
        return (sign ? NumberText.signed(estimate.value, decimals) : "× " + NumberText.fixed(estimate.value, decimals))
          + " ± " + NumberText.fixed(estimate.standardError, decimals)
      }
      rows.append([
        "Perplexity", comparison.before.text, comparison.after.text, text(comparison.delta, sign: true),
      ])
      rows.append(["", "", "", text(comparison.ratio, sign: false)])
    }
    return ReportTable("\(before.name) → \(after.name)", columns: ["", "before", "after", "change"], rows: rows)
  }

  private var tensorTable: ReportTable {
    let shown = tensors.prefix(shownTensors)
    let rows = shown.map { tensor in
      [
        tensor.name, tensor.encodingBefore + " → " + tensor.encodingAfter,
        NumberText.significant(tensor.relativeSquaredError, 3), NumberText.significant(tensor.largestError, 3),
        NumberText.fixed(tensor.cosine, 6), NumberText.percent(tensor.shareOfError, 1),
      ]
    }
    let count =
      tensors.count > shown.count
      ? "the \(shown.count) worst of \(NumberText.grouped(tensors.count))" : "\(tensors.count)"
    return ReportTable(
      "Tensors, \(count)",
      columns: ["tensor", "type", "relative squared error", "greatest error", "cosine", "share of error"], leading: 2,
      rows: rows)
  }
}

extension TensorError {
  fileprivate init(_ report: ReportMembers) throws(FileError) {
    self.init(
      name: try report.string("name"), shape: try report.counts("shape"),
      encodingBefore: try report.string("type_before"), encodingAfter: try report.string("type_after"),
      relativeSquaredError: try report.number("relative_squared_error"),
      squaredError: try report.number("squared_error"), largestError: try report.number("max_error"),
      cosine: try report.number("cosine"), shareOfError: try report.number("share_of_squared_error"))
  }
}
