internal import Bytes
public import JSON

/// The checkpoint that a report is about.
public struct MeasuredFile: Hashable, Sendable {
  /// What the report calls it: the name of the file or folder.
  public let name: String
  /// Bytes of all its tensors' files.
  public let bytes: Int?
  /// Bits that a weight takes on average, with what its blocks carry.
  public let bitsPerWeight: Double?
  /// What else is known of it; nil where nobody asked.
  public let details: Details?

  public init(name: String, bytes: Int? = nil, bitsPerWeight: Double? = nil, details: Details? = nil) {
    self.name = name
    self.bytes = bytes
    self.bitsPerWeight = bitsPerWeight
    self.details = details
  }

  /// What a checkpoint is, and where it comes from.
  public struct Details: Hashable, Sendable {
    /// `GGUF`, `safetensors` ...
    public var container: String
    /// The class of the model: `LlamaForCausalLM`.
    public var model: String?
    /// Other libraries' spellings of quantized weights that it has.
    public var layouts: [String] = []
    /// What its weights are stored as, the type with most bytes first.
    public var types: [TypeShare] = []
    /// XXH3-128 of the names, types, shapes and bytes of its stored tensors, as `decant hash` tells it; those of adapters
    /// behind it.
    public var digests: [String] = []
    /// The version of Decant that made it, where one did.
    public var madeBy: String?
    /// The recipe by which it was made.
    public var recipe: JSONValue?
    /// Its licence, as a model card has it: `apache-2.0`.
    public var license: String?
    /// Its own name on a hub, `organization/name`, where it lies in the hub's cache or its configuration says.
    public var hubName: String?
    /// The models it comes from, as `organization/name` or addresses.
    public var baseModels: [String] = []

    public init(container: String) { self.container = container }
  }

  /// What is stored as one type.
  public struct TypeShare: Hashable, Sendable {
    public let type: String
    public let tensors: Int
    public let weights: Int
    public let bytes: Int

    public init(type: String, tensors: Int, weights: Int, bytes: Int) {
      self.type = type
      self.tensors = tensors
      self.weights = weights
      self.bytes = bytes
    }
  }
}

// MARK: - As JSON

extension MeasuredFile {
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
    if let details { members.merge(details.members) { own, _ in own } }
    return members
  }

  init(_ report: ReportMembers) throws(FileError) {
    self.init(
      name: try report.string("name"), bytes: try report.optionalCount("bytes"),
      bitsPerWeight: try report.optionalNumber("bits_per_weight"),
      details: report.has("container") ? try Details(report) : nil)
  }
}

extension MeasuredFile.Details {
  fileprivate var members: [String: JSONValue] {
    var members: [String: JSONValue] = ["container": .string(container)]
    members["model"] = model.map(JSONValue.string)
    if !layouts.isEmpty { members["layouts"] = .array(layouts.map(JSONValue.string)) }
    members["types"] = .array(
      types.map { share in
        [
          "type": .string(share.type), "tensors": .integer(share.tensors), "weights": .integer(share.weights),
          "bytes": .integer(share.bytes),
        ]
      })
    if !digests.isEmpty { members["xxh3_128"] = .array(digests.map(JSONValue.string)) }
    members["made_by"] = madeBy.map(JSONValue.string)
    members["recipe"] = recipe
    members["license"] = license.map(JSONValue.string)
    members["hub_name"] = hubName.map(JSONValue.string)
    if !baseModels.isEmpty { members["base_models"] = .array(baseModels.map(JSONValue.string)) }
    return members
  }

  fileprivate init(_ report: ReportMembers) throws(FileError) {
    self.init(container: try report.string("container"))
    model = try report.optionalString("model")
    layouts = try report.strings("layouts")
    for share in try report.objects("types") {
      types.append(
        MeasuredFile.TypeShare(
          type: try share.string("type"), tensors: try share.count("tensors"), weights: try share.count("weights"),
          bytes: try share.count("bytes")))
    }
    digests = try report.strings("xxh3_128")
    madeBy = try report.optionalString("made_by")
    recipe = report.members["recipe"]
    license = try report.optionalString("license")
    hubName = try report.optionalString("hub_name")
    baseModels = try report.strings("base_models")
  }
}
