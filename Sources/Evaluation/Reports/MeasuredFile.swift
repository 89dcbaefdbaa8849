internal import JSON

/// The checkpoint that a report is about.
public struct MeasuredFile: Hashable, Sendable {
  /// What the report calls it: the name of the file or folder.
  public let name: String
  /// Bytes of all its tensors' files.
  public let bytes: Int?
  /// Bits that a weight takes on average, with what its blocks carry.
  public let bitsPerWeight: Double?

  public init(name: String, bytes: Int? = nil, bitsPerWeight: Double? = nil) {
    self.name = name
    self.bytes = bytes
    self.bitsPerWeight = bitsPerWeight
  }

  /// Members of a report's object.
  func members(_ perplexity: Perplexity?) -> [String: JSONValue] {
    var members: [String: JSONValue] = ["name": .string(name)]
    if let bytes { members["bytes"] = .integer(bytes) }
    if let bitsPerWeight { members["bits_per_weight"] = .finite(bitsPerWeight) }
    if let perplexity {
      members["perplexity"] = .finite(perplexity.perplexity)
      members["standard_error"] = .finite(perplexity.standardError)
      members["nll"] = .finite(perplexity.nll)
    }
    return members
  }
}

extension Perplexity {
  /// `9.2091 ± 0.0812`.
  var text: String {
    let decimals = max(4, NumberText.decimals(forUncertainty: standardError))
    return NumberText.fixed(perplexity, decimals) + " ± " + NumberText.fixed(standardError, decimals)
  }

  /// How much text this rests on.
  var remark: String {
    """
    \(NumberText.grouped(tokens)) tokens scored in \(NumberText.grouped(chunks)) \(chunks == 1 ? "chunk" : "chunks") \
    of \(contextLength).
    """
  }

  /// Members that say how much text this rests on.
  var extent: [String: JSONValue] {
    ["tokens": .integer(tokens), "chunks": .integer(chunks), "context": .integer(contextLength)]
  }
}
