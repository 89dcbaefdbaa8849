internal import Bytes
internal import JSON

/// What the normalizer, pre-tokenizer and post-processor of a `tokenizer.json` mean together. Components are known by
/// their type, one line each; what is not known is refused by name.
struct TokenizerPipeline {
  /// Components that change text before the model sees it, in whatever stage they stand.
  private struct Component {
    let type: String
    let apply: @Sendable (inout TokenizerPipeline, JSONValue) throws(FileError) -> Void
  }

  private static let normalizers = [
    Component(type: "NFC", apply: { pipeline, _ in pipeline.normalizer.composes = true }),
    Component(type: "Prepend", apply: { pipeline, value throws(FileError) in try pipeline.prepend(value) }),
    Component(type: "Replace", apply: { pipeline, value throws(FileError) in try pipeline.replace(value) }),
  ]

  private static let preTokenizers = [
    Component(type: "ByteLevel", apply: { pipeline, value throws(FileError) in try pipeline.byteLevel(value) }),
    Component(type: "Split", apply: { pipeline, value throws(FileError) in try pipeline.split(value) }),
    Component(type: "Digits", apply: { pipeline, value throws(FileError) in pipeline.digits(value) }),
    Component(
      type: "Punctuation", apply: { pipeline, value throws(FileError) in try pipeline.punctuation(value) }),
    Component(type: "Metaspace", apply: { pipeline, value throws(FileError) in try pipeline.metaspace(value) }),
  ]

  /// Most tokens around a text: each part of a template may name a list of them, and lists may be named again.
  static let mostSurrounding = 1024

  private let path: String
  private(set) var normalizer = TextNormalizer()
  /// Whether bytes are the model's first symbols.
  private(set) var isByteLevel = false
  private(set) var addsPrefixSpace = false
  private(set) var steps: [Splitter] = []
  /// Where `Metaspace` puts a `▁`; nil where it is not among the pre-tokenizers.
  private(set) var metaspacePrefix: SpacePrefix?
  private(set) var splitsAtSpaces = false
  /// Tokens before and after a text, as the vocabulary spells them.
  private(set) var before: [String] = []
  private(set) var after: [String] = []

  /// Whether spaces become `▁`.
  var escapesSpaces: Bool { normalizer.escapesSpaces || metaspacePrefix != nil }

  /// Whether text gets a `▁` in front anywhere.
  var prependsSpace: Bool { normalizer.prependsSpace || metaspacePrefix.map { $0.places != .nowhere } ?? false }

  /// - Parameter llamaPrefix: what the transformers library's Llama tokenizer has in place of the file's normalizer and
  ///   pre-tokenizer; nil where the file counts.
  /// - Parameter preTokenizer: how text is cut whatever the file says of it; nil where the file counts.
  init(_ json: TokenizerJSON, llamaPrefix: SpacePrefix? = nil, preTokenizer: PreTokenizer? = nil) throws(FileError) {
    path = json.path
    if let llamaPrefix {
      metaspacePrefix = llamaPrefix
    } else {
      try apply(json.normalizer, in: Self.normalizers, list: "normalizers", subject: "normalizer")
      if let preTokenizer {
        try cut(as: preTokenizer, json)
      } else {
        try apply(json.preTokenizer, in: Self.preTokenizers, list: "pretokenizers", subject: "pre_tokenizer")
      }
    }
    try postProcess(json.postProcessor)
  }

  private func unsupported(_ subject: String, _ message: String) -> FileError {
    FileError(.unsupported, path: path, subject: subject, message)
  }

  private mutating func apply(_ value: JSONValue, in components: [Component], list: String, subject: String)
    throws(FileError)
  {
    if value.isNull { return }
    guard let type = value["type"]?.string else {
      throw FileError(.malformed, path: path, subject: subject, "a component has no type")
    }
    if type == "Sequence" {
      for part in value[list]?.array ?? [] { try apply(part, in: components, list: list, subject: subject) }
    } else if let component = components.first(where: { $0.type == type }) {
      try component.apply(&self, value)
    } else {
      let known = components.map(\.type).joined(separator: ", ")
      let error = unsupported(subject, "\(shown(type)) is not known here; these are: \(known)")
      throw subject == "pre_tokenizer" ? error.with(.namePreTokenizer) : error
    }
  }

  // MARK: - Normalizers

  private mutating func prepend(_ value: JSONValue) throws(FileError) {
    guard let text = value["prepend"]?.string, text == "\u{2581}" else {
      throw unsupported("normalizer", "Prepend is supported with \"▁\" only")
    }
    normalizer.prependsSpace = true
  }

  private mutating func replace(_ value: JSONValue) throws(FileError) {
    guard value["pattern"]?["String"]?.string == " ", value["content"]?.string == "\u{2581}" else {
      throw unsupported("normalizer", "Replace is supported from \" \" to \"▁\" only")
    }
    normalizer.escapesSpaces = true
  }

  // MARK: - Pre-tokenizers

  private mutating func byteLevel(_ value: JSONValue) throws(FileError) {
    isByteLevel = true
    addsPrefixSpace = value["add_prefix_space"]?.bool ?? true
    guard !addsPrefixSpace || steps.isEmpty else {
      throw unsupported(
        "pre_tokenizer",
        "ByteLevel with add_prefix_space after another step, which puts a space before every piece, "
          + "is not supported")
    }
    if value["use_regex"]?.bool ?? true { steps.append(.gpt2) }
  }

  private mutating func split(_ value: JSONValue) throws(FileError) {
    // Spaces are gone when Replace has made them "▁".
    if escapesSpaces, value["pattern"]?["String"]?.string == " " { return }
    guard let expression = value["pattern"]?["Regex"]?.string else {
      throw unsupported(
        "pre_tokenizer",
        "Split is supported by regular expressions, not by \(shown(value["pattern"]?["String"]?.string ?? "nothing"))"
      ).with(.namePreTokenizer)
    }
    guard let splitter = Splitter.all.first(where: { $0.isMeant(by: expression) }) else {
      throw unsupported(
        "pre_tokenizer",
        "how the expression \(shown(expression, atMost: 2000)) cuts text is not known here, and without it every id may be "
          + "wrong"
      ).with(.namePreTokenizer)
    }
    let behavior = value["behavior"]?.string ?? ""
    let isInverted = value["invert"]?.bool ?? false
    // Expressions of words cover a whole text, so removing what is between matches removes nothing.
    let isRemovingNothing = splitter.coversText && behavior == "Removed" && isInverted
    guard isRemovingNothing || (behavior == splitter.behavior && (!isInverted || splitter.coversText)) else {
      throw unsupported(
        "pre_tokenizer",
        "Split is supported with the behavior \(splitter.behavior) for this expression, not \(shown(behavior))"
          + (isInverted ? " inverted" : "")
      ).with(.namePreTokenizer)
    }
    steps.append(splitter)
  }

  /// Takes a cut that is named in place of the file's own.
  private mutating func cut(as preTokenizer: PreTokenizer, _ json: TokenizerJSON) throws(FileError) {
    let parts = json.preTokenizer["pretokenizers"]?.array ?? [json.preTokenizer]
    let bytes = parts.first { $0["type"]?.string == "ByteLevel" }
    guard json.mentionsBytes else {
      throw unsupported(
        "pre_tokenizer", "the model is not one over bytes, so that its text is not cut into words under a name")
    }
    isByteLevel = true
    addsPrefixSpace = bytes?["add_prefix_space"]?.bool ?? false
    steps = preTokenizer.steps
  }

  private mutating func digits(_ value: JSONValue) {
    steps.append(value["individual_digits"]?.bool ?? false ? .singleNumbers : .numberRuns)
  }

  private mutating func punctuation(_ value: JSONValue) throws(FileError) {
    switch value["behavior"]?.string ?? "Isolated" {
    case "Contiguous": steps.append(.falconPunctuation)
    case "Isolated": steps.append(.singlePunctuation)
    case let behavior:
      throw unsupported(
        "pre_tokenizer", "Punctuation is supported with the behaviors Contiguous and Isolated, not \(shown(behavior))"
      ).with(.namePreTokenizer)
    }
  }

  private mutating func metaspace(_ value: JSONValue) throws(FileError) {
    guard value["replacement"]?.string ?? "\u{2581}" == "\u{2581}" else {
      throw unsupported("pre_tokenizer", "Metaspace is supported with \"▁\" only")
    }
    splitsAtSpaces = value["split"]?.bool ?? true
    let scheme = value["prepend_scheme"]?.string ?? (value["add_prefix_space"]?.bool ?? true ? "always" : "never")
    guard let places = SpacePrefix.Places(rawValue: scheme) else {
      throw unsupported("pre_tokenizer", "Metaspace has the prepend_scheme \(shown(scheme))")
    }
    metaspacePrefix = SpacePrefix(places: places)
  }

  // MARK: - Post-processors

  private mutating func postProcess(_ value: JSONValue) throws(FileError) {
    guard !value.isNull else { return }
    switch value["type"]?.string ?? "" {
    case "ByteLevel": break
    case "Sequence": for part in value["processors"]?.array ?? [] { try postProcess(part) }
    case "RobertaProcessing":
      for (role, isFirst) in [("cls", true), ("sep", false)] {
        guard let token = value[role]?.array?.first?.string else {
          throw FileError(
            .malformed, path: path, subject: "post_processor", "RobertaProcessing has no token \(shown(role))")
        }
        if isFirst { before.append(token) } else { after.append(token) }
      }
    case "TemplateProcessing":
      var isAfter = false
      for part in value["single"]?.array ?? [] {
        if part["Sequence"] != nil {
          isAfter = true
          continue
        }
        guard let name = part["SpecialToken"]?["id"]?.string else {
          throw FileError(
            .malformed, path: path, subject: "post_processor", "a part of the template is neither text nor a token")
        }
        let listed = value["special_tokens"]?[name]?["tokens"]?.array
        guard before.count + after.count + (listed?.count ?? 1) <= Self.mostSurrounding else {
          throw unsupported(
            "post_processor",
            "the template puts more than \(Self.mostSurrounding) tokens around a text; models have one or two")
        }
        let tokens = try texts(listed ?? [.string(name)], of: name)
        if isAfter { after += tokens } else { before += tokens }
      }
    case let type:
      throw unsupported(
        "post_processor",
        "\(shown(type)) is not known here; ByteLevel, TemplateProcessing, RobertaProcessing and Sequence are")
    }
  }
  /// A list of tokens in a template.
  private func texts(_ list: [JSONValue], of name: String) throws(FileError) -> [String] {
    try list.map { token throws(FileError) in
      guard let text = token.string else {
        throw FileError(
          .malformed, path: path, subject: "post_processor", "a token of \(shown(name)) in the template is no string")
      }
      return text
    }
  }
}
