public import Bytes
internal import JSON

/// Measurements that can be held against each other: of the same text, and, where models were compared, with the same
/// original.
public enum ReportCollection: Sendable {
  case comparisons([ComparisonReport])
  case perplexities([PerplexityReport])

  /// Reads what `compare`, `perplexity` and `quantize --verify` printed as JSON. The parts of a measurement become one.
  /// - Parameter paths: one file at least.
  /// - Throws: `FileError` for what is no such report, for reports of different texts or originals, and for parts that are not all
  ///   of one measurement, each once.
  public init(files paths: [String]) throws(FileError) {
    var (comparisons, perplexities) = ([FoundReport<ComparisonReport>](), [FoundReport<PerplexityReport>]())
    for path in paths {
      let document = try Self.document(path)
      // A job that measured what it wrote has it beside its plan.
      let verification = document["verification"]?.unlessNull
      let (json, place) = verification.map { ($0, "verification") } ?? (document, "")
      if let list = json["comparisons"]?.array {
        for (number, json) in list.enumerated() {
          let report = try ComparisonReport(
            json, place: (place.isEmpty ? "" : place + ".") + "comparisons[\(number)]", path: path)
          comparisons.append(FoundReport(report: report, path: path))
        }
      } else if let list = json["perplexities"]?.array {
        for json in list {
          perplexities.append(FoundReport(report: try PerplexityReport(json, path: path), path: path))
        }
      } else if json["before"] != nil, json["after"] != nil {
        comparisons.append(FoundReport(report: try ComparisonReport(json, place: place, path: path), path: path))
      } else if json["perplexity"] != nil, json["nll"] != nil {
        perplexities.append(FoundReport(report: try PerplexityReport(json, path: path), path: path))
      } else {
        throw FileError(
          .unsupported, path: path,
          "is no report: decant compare, perplexity and quantize --verify print one with --json")
      }
    }
    comparisons = try FoundReport.assembled(comparisons)
    perplexities = try FoundReport.assembled(perplexities)
    guard !comparisons.isEmpty || !perplexities.isEmpty else {
      throw FileError(.unsupported, path: paths.first ?? "", "has no measurement in it")
    }
    try Self.requireSame(
      comparisons.map { ($0.report.origin, $0.report.before, $0.report.comparison?.before, $0.path) })
    try Self.requireSame(perplexities.map { ($0.report.origin, nil, $0.report.perplexity, $0.path) })
    if let one = comparisons.first, let other = perplexities.first {
      throw FileError(
        .mismatch, path: other.path,
        "has the perplexity of one model, but \(FileError.quoted(one.path)) compares two; make a report of each kind")
    }
    self =
      comparisons.isEmpty
      ? .perplexities(Self.distinct(perplexities.map(\.report), by: \.json))
      : .comparisons(Self.distinct(comparisons.map(\.report), by: \.json))
  }

  private static func document(_ path: String) throws(FileError) -> JSONValue {
    let bytes = try InputFile.document(of: path)
    do throws(JSONError) {
      return try JSONValue(parsing: bytes)
    } catch {
      throw FileError(.malformed, path: path, "is no JSON: \(error)")
    }
  }

  /// - Throws: `FileError` unless all are of one text, and of one original where there is one.
  private static func requireSame(
    _ reports: [(origin: MeasurementOrigin?, before: MeasuredFile?, extent: Perplexity?, path: String)]
  ) throws(FileError) {
    guard let first = reports.first, reports.count > 1 else { return }
    for report in reports {
      guard let text = report.origin?.text, let expected = first.origin?.text,
        report.before == nil || report.before?.details?.digests.isEmpty == false
      else {
        throw FileError(
          .mismatch, path: report.origin == nil ? report.path : first.path,
          "does not say which text and model were measured, so that it cannot be held against others; measure again with "
            + "this version")
      }
      guard text.windowsDigest == expected.windowsDigest || text.digest != expected.digest else {
        let (one, other) = (windows(report.extent), windows(first.extent))
        throw FileError(
          .mismatch, path: report.path,
          "is of the same text as \(FileError.quoted(first.path)), \(FileError.quoted(text.name)), "
            + (one == other ? "but read as other tokens or from another place on" : "in \(one), the other in \(other)"))
      }
      guard text.windowsDigest == expected.windowsDigest else {
        throw FileError(
          .mismatch, path: report.path,
          "is of another text than \(FileError.quoted(first.path)): "
            + "\(FileError.quoted(text.name)) (\(text.digest)), the other \(FileError.quoted(expected.name)) "
            + "(\(expected.digest))")
      }
      guard report.before?.details?.digests == first.before?.details?.digests else {
        throw FileError(
          .mismatch, path: report.path,
          "compares with another original than \(FileError.quoted(first.path)): "
            + "\(FileError.quoted(report.before?.name ?? "")), the other \(FileError.quoted(first.before?.name ?? ""))")
      }
    }
  }

  private static func windows(_ extent: Perplexity?) -> String {
    guard let extent else { return "other windows" }
    return "\(extent.chunks) \(extent.chunks == 1 ? "window" : "windows") of \(extent.contextLength) tokens"
  }

  /// Each once: a file may be named twice, or beside the parts of the same measurement.
  private static func distinct<Report>(_ reports: [Report], by key: (Report) -> JSONValue) -> [Report] {
    var seen: Set<JSONValue> = []
    return reports.filter { report in
      var members = key(report).object ?? [:]
      // By whom makes no other measurement.
      members["origin"] = nil
      return seen.insert(.object(members)).inserted
    }
  }
}
