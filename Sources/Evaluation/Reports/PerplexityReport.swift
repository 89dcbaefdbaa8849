public import Bytes
public import JSON

/// The perplexity of one checkpoint.
public struct PerplexityReport: TabularReport {
  public let file: MeasuredFile
  public let perplexity: Perplexity
  /// How the negative log-likelihood is distributed over the scored places, and where it is greatest.
  public let places: ReportedPlaces?
  /// How it was measured; nil where nobody asked.
  public let origin: MeasurementOrigin?
  /// Which part of a measurement it is, with what puts it together with the others; nil for a whole one.
  public let part: MeasuredPart?

  public init(
    file: MeasuredFile, perplexity: Perplexity, places: ReportedPlaces? = nil, origin: MeasurementOrigin? = nil,
    part: MeasuredPart? = nil
  ) {
    self.file = file
    self.perplexity = perplexity
    self.places = places
    self.origin = origin
    self.part = part
  }

  private static let models = ["predicted"]

  /// Keys: `name`, `bytes`, `bits_per_weight`, `perplexity`, `standard_error`, `nll`, `tokens`, `chunks`, `context`,
  /// `nll_histogram` (bins: `from`, `to`, `count`), `worst` (places: `window`, `position`, `nll`, `passage`,
  /// `predicted`), `origin`, `part`.
  public var json: JSONValue {
    var members = file.members(perplexity).merging(perplexity.extent) { own, _ in own }
    if let places { members.merge(places.members(.nll, models: Self.models)) { own, _ in own } }
    members["origin"] = origin?.json
    members["part"] = part?.json(MeasuredPart.Columns.perplexity)
    return .object(members)
  }

  /// Reads what `json` gives.
  /// - Throws: `FileError` that names the file and what is missing or malformed.
  public init(_ json: JSONValue, path: String) throws(FileError) {
    let report = try ReportMembers(json, path: path)
    let perplexity = try Perplexity(report, report)
    let part = try report.optionalObject("part").map { part throws(FileError) in
      try MeasuredPart(part, MeasuredPart.Columns.perplexity, contextLength: perplexity.contextLength)
    }
    self.init(
      file: try MeasuredFile(report), perplexity: perplexity,
      places: try ReportedPlaces(report, .nll, models: Self.models),
      origin: try report.optionalObject("origin").map(MeasurementOrigin.init), part: part)
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
