internal import Bytes
internal import JSON
package import Tensors

/// What a model card, README.md, and the keys `general.*` of a GGUF both have words for: licence, languages, tags, base
/// models and their like.
package enum ModelCard {
  static let name = "README.md"

  /// A key that is one text, and the names it has in cards, the first that is there counts.
  private static let texts: [(key: String, names: [String])] = [
    ("general.author", ["author", "model_author"]), ("general.version", ["version", "model_version"]),
    ("general.organization", ["organization", "model_organization"]),
    ("general.description", ["description", "model_description"]),
    ("general.finetune", ["finetune", "model_finetune"]), ("general.basename", ["basename", "model_basename"]),
    ("general.size_label", ["size_label", "model_size_label"]), ("general.source.url", ["url", "model_url"]),
    ("general.source.doi", ["doi", "model_doi"]), ("general.source.uuid", ["uuid", "model_uuid"]),
    ("general.source.repo_url", ["repo_url", "model_repo_url"]), ("general.license.name", ["license_name"]),
    ("general.license.link", ["license_link"]),
  ]

  /// A key that is a list, and the names whose texts are put together.
  private static let lists: [(key: String, names: [String])] = [
    ("general.tags", ["tags", "pipeline_tag"]), ("general.languages", ["languages", "language"]),
  ]

  /// A group of keys with a number, and the names it has in cards.
  private static let sources: [(group: String, names: [String])] = [
    ("general.base_model", ["base_model", "base_models", "base_model_sources"]),
    ("general.dataset", ["datasets", "dataset", "dataset_sources"]),
  ]

  /// The same of the card of a folder; nothing where it has none, or one of such a size that it is none.
  static func metadata(ofFolder folder: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    let card = FileSystem.join(folder, name)
    // An odd card is nobody's error.
    let longest = 16 << 20
    guard try FileSystem.isFile(card), let count = try FileSystem.byteCount(card), count <= longest else { return [] }
    return metadata(of: try InputFile.contents(of: card, limit: longest))
  }

  /// The keys that llama.cpp's converter makes of a card.
  package static func metadata(of card: [UInt8]) -> [(key: String, value: MetadataValue)] {
    let card = FrontMatter(of: card)
    var entries: [(key: String, value: MetadataValue)] = []
    func first(_ names: [String]) -> [String] { names.lazy.map { card[$0] }.first { !$0.isEmpty } ?? [] }
    for (key, names) in texts {
      if let text = first(names).first { entries.append((key, .string(text))) }
    }
    let licences = card["license"]
    if !licences.isEmpty { entries.append(("general.license", .string(licences.joined(separator: ",")))) }
    for (group, names) in sources {
      let sources = first(names)
      if !sources.isEmpty { entries.append(("\(group).count", .uint32(UInt32(clamping: sources.count)))) }
      for (number, source) in sources.enumerated() {
        for (name, text) in Self.source(source) { entries.append(("\(group).\(number).\(name)", .string(text))) }
      }
    }
    for (key, names) in lists {
      let all = names.flatMap { card[$0] }
      if !all.isEmpty { entries.append((key, .strings(all))) }
    }
    return entries
  }

  private static let hub = "https://huggingface.co/"

  /// `organization/name` of an address on the hub; any other address as it is.
  static func hubName(ofAddress address: String) -> String {
    let path = address.hasPrefix(hub) ? address.dropFirst(hub.count) : ""
    return path.split(separator: "/", omittingEmptySubsequences: false).count == 2 ? String(path) : address
  }

  /// What is said of a model or a data set by its name on the hub, or by its address.
  private static func source(_ id: String) -> [(name: String, text: String)] {
    let isAddress = ["http://", "https://", "ssh://"].contains { id.hasPrefix($0) }
    let path = isAddress ? (id.hasPrefix(hub) ? String(id.dropFirst(hub.count)) : nil) : id
    var members: [(name: String, text: String)] = []
    if let parts = path?.split(separator: "/", omittingEmptySubsequences: false), let name = parts.last, parts.count < 3
    {
      members.append(("name", id.contains(" ") ? String(name) : title(name)))
      if parts.count == 2, let organization = parts.first {
        members.append(("organization", title(organization)))
        if !isAddress { members.append(("repo_url", hub + id)) }
      }
    }
    if isAddress { members.append(("repo_url", id)) }
    return members
  }

  /// A name with spaces for hyphens and words begun large, but for those that have a large letter already or are a
  /// version.
  private static func title(_ name: some StringProtocol) -> String {
    name.split(separator: "-").map { word in
      let isSmall = word.contains(where: \.isLetter) && !word.contains(where: \.isUppercase)
      let digits = word.first == "v" ? word.dropFirst() : word[...]
      let isVersion = word.first?.isNumber == true || !digits.isEmpty && digits.allSatisfy { $0.isNumber || $0 == "." }
      guard isSmall, !isVersion else { return String(word) }
      var isInside = false
      return word.reduce(into: "") { text, letter in
        text += isInside ? String(letter) : letter.uppercased()
        isInside = letter.isLetter
      }
    }.joined(separator: " ")
  }

  /// A card that says what a GGUF's keys do in words that model hubs know; nil where they say nothing of the kind.
  package static func card(title: String?, _ value: (String) -> MetadataValue?) -> [UInt8]? {
    var lines: [String] = []
    func quoted(_ text: String) -> String {
      var writer = JSONWriter()
      writer.write(text)
      return String(decoding: writer.bytes, as: UTF8.self)
    }
    // Not every text of JSON means the same in YAML: one with halves of a surrogate pair does not.
    func isPlain(_ text: String) -> Bool {
      let again = FrontMatter(of: Array("---\ntext: \(quoted(text))\n---\n".utf8))["text"]
      return again.count == 1 && again[0].utf8.elementsEqual(text.utf8)
    }
    func add(_ name: String, _ text: String?) {
      if let text, isPlain(text), !text.isEmpty { lines.append("\(name): \(quoted(text))") }
    }
    func add(_ name: String, _ texts: [String]?) {
      guard let texts, !texts.isEmpty, texts.allSatisfy(isPlain) else { return }
      lines.append("\(name):")
      lines += texts.map { "- \(quoted($0))" }
    }
    add("license", value("general.license")?.string)
    add("license_name", value("general.license.name")?.string)
    add("license_link", value("general.license.link")?.string)
    add("language", value("general.languages")?.strings)
    add("tags", value("general.tags")?.strings)
    for (group, names) in sources {
      let count = min(value("\(group).count")?.integer ?? 0, 64)
      let ids = (0..<max(0, count)).map { value("\(group).\($0).repo_url")?.string }
      // Hubs know models by name.
      guard ids.allSatisfy({ $0 != nil }) else { continue }
      add(
        names[0],
        ids.compactMap(\.self).map(hubName(ofAddress:)))
    }
    guard !lines.isEmpty else { return nil }
    let heading = title.flatMap { $0.contains(where: \.isNewline) ? nil : "# \($0)\n\n" } ?? ""
    return Array(
      ("---\n" + lines.joined(separator: "\n") + "\n---\n\n" + heading
        + "Converted from a GGUF by decant; what is above is what the GGUF said.\n").utf8)
  }
}
