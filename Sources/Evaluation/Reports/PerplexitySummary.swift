public import JSON

/// Several checkpoints measured over the same text: a line each.
public struct PerplexitySummary: TabularReport {
  public let reports: [PerplexityReport]

  public init(_ reports: [PerplexityReport]) { self.reports = reports }

  /// Key: `perplexities`, each with the keys of `PerplexityReport`.
  public var json: JSONValue { .object(["perplexities": .array(reports.map(\.json))]) }

  var tables: [ReportTable] {
    [
      ReportTable(
        "Perplexity", columns: ["Model", "Size", "Bits per weight", "Perplexity"],
        rows: reports.map { report in
          [
            report.file.name, report.file.bytes.map(NumberText.bytes) ?? "",
            report.file.bitsPerWeight.map { NumberText.fixed($0, 3) } ?? "", report.perplexity.text,
          ]
        })
    ]
  }

  var remarks: [String] { reports.first.map { [$0.perplexity.remark] } ?? [] }
}
