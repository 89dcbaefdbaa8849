public import JSON

/// Several checkpoints, each compared with the same one: a line each.
public struct ComparisonSummary: TabularReport {
  public let reports: [ComparisonReport]

  public init(_ reports: [ComparisonReport]) { self.reports = reports }

  /// Key: `comparisons`, each with the keys of `ComparisonReport`.
  public var json: JSONValue { .object(["comparisons": .array(reports.map(\.json))]) }

  var tables: [ReportTable] {
    guard let before = reports.first?.before else { return [] }
    var rows = [Self.row(before, reports.first?.comparison?.before, change: nil)]
    for report in reports { rows.append(Self.row(report.after, report.comparison?.after, change: report.comparison)) }
    return [
      ReportTable(
        "What became of \(before.name)",
        columns: [
          "Model", "Size", "Bits per weight", "Mean KL", "99 % KL", "Same top token", "Perplexity", "Change",
        ],
        rows: rows)
    ]
  }

  private static func row(_ file: MeasuredFile, _ perplexity: Perplexity?, change: Comparison?) -> [String] {
    [
      file.name,
      file.bytes.map(NumberText.bytes) ?? "",
      file.bitsPerWeight.map { NumberText.fixed($0, 3) } ?? "",
      change.map { NumberText.significant($0.divergence.mean, 3) } ?? "",
      change.map { NumberText.significant($0.divergence.p99, 3) } ?? "",
      change.map { NumberText.percent($0.topAgreement) } ?? "",
      perplexity.map { "\(NumberText.fixed($0.perplexity, 4)) ± \(NumberText.fixed($0.standardError, 4))" } ?? "",
      change.map { NumberText.signed($0.delta.value, 4) } ?? "",
    ]
  }

  var remarks: [String] {
    guard let comparison = reports.first?.comparison else { return [] }
    return [comparison.before.remark, "KL divergence is from the first model, in nats a token."]
  }
}
