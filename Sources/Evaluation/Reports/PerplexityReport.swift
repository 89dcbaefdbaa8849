public import JSON

/// The perplexity of one checkpoint.
public struct PerplexityReport: TabularReport {
  public let file: MeasuredFile
  public let perplexity: Perplexity

  public init(file: MeasuredFile, perplexity: Perplexity) {
    self.file = file
    self.perplexity = perplexity
  }

  /// Keys: `name`, `bytes`, `bits_per_weight`, `perplexity`, `standard_error`, `nll`, `tokens`, `chunks`, `context`.
  public var json: JSONValue {
    .object(file.members(perplexity).merging(perplexity.extent) { own, _ in own })
  }

  var tables: [ReportTable] {
    var rows = [["Perplexity", perplexity.text]]
    rows.append(["Nats a token", NumberText.fixed(perplexity.nll, 5)])
    if let bytes = file.bytes { rows.append(["Size", NumberText.bytes(bytes)]) }
    if let bits = file.bitsPerWeight { rows.append(["Bits per weight", NumberText.fixed(bits, 3)]) }
    return [ReportTable("Perplexity", columns: ["", file.name], rows: rows)]
  }

  var remarks: [String] { [perplexity.remark] }
}
