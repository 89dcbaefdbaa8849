internal import Bytes
internal import JSON

extension Perplexity {
  /// `9.2091 ± 0.0812`.
  var text: String {
    let decimals = max(4, NumberText.decimals(forUncertainty: standardError))
    return NumberText.fixed(perplexity, decimals) + " ± " + NumberText.fixed(standardError, decimals)
  }

  /// How much text this rests on.
  var remark: String {
    """
    \(NumberText.grouped(tokens)) tokens scored, in the second half of \(NumberText.grouped(chunks)) \(chunks == 1 ? "chunk" : "chunks") \
    of \(contextLength).
    """
  }

  /// Members that say how much text this rests on.
  var extent: [String: JSONValue] {
    ["tokens": .integer(tokens), "chunks": .integer(chunks), "context": .integer(contextLength)]
  }

  /// - Parameters:
  ///   - file: the object with what was measured.
  ///   - extent: the object that says how much text it rests on.
  init(_ file: ReportMembers, _ extent: ReportMembers) throws(FileError) {
    self.init(
      perplexity: try file.number("perplexity"), standardError: try file.number("standard_error"),
      nll: try file.number("nll"), tokens: try extent.count("tokens"), chunks: try extent.count("chunks"),
      contextLength: try extent.count("context"), places: nil)
  }
}
