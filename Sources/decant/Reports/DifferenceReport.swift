internal import Bytes
internal import Checking
internal import Conversion
internal import Evaluation
internal import JSON
internal import Tensors

/// Where two models differ, for people and for programs.
struct DifferenceReport {
  let differences: ModelDifferences
  let notes: [Note]

  init(_ differences: ModelDifferences, notes: [Note]) {
    self.differences = differences
    self.notes = notes
  }

  /// Lines of a table that are shown unless everything is asked for.
  private static let mostLines = 20

  // MARK: - For people

  func write(isVerbose: Bool, _ line: (String) throws(FileError) -> Void) throws(FileError) {
    for (heading, list) in [("Settings", differences.settings), ("Tokenizer", differences.tokenizer)]
    where !list.isEmpty {
      try line(heading)
      for difference in Self.shown(list, isVerbose) {
        let values = "\(Self.text(difference.before)) -> \(Self.text(difference.after))"
        try line("  \(difference.place)  \(difference.key): \(values)".printable)
      }
      try tellRest(of: list.count, isVerbose, line)
      try line("")
    }
    if !differences.tensors.isEmpty {
      let table = ReportTable(
        "Tensors", columns: ["Tensor", "Type", "What", "Largest error", "Relative RMS"], leading: 3,
        rows: Self.shown(differences.tensors, isVerbose).map(Self.row))
      try table.forEachLine(line)
      try tellRest(of: differences.tensors.count, isVerbose, line)
      try line("")
    }
    try line(summary.printable)
  }

  private static func shown<Element>(_ list: [Element], _ isVerbose: Bool) -> ArraySlice<Element> {
    isVerbose ? list[...] : list.prefix(mostLines)
  }

  private func tellRest(
    of count: Int, _ isVerbose: Bool, _ line: (String) throws(FileError) -> Void
  ) throws(FileError) {
    let rest = isVerbose ? 0 : count - Self.mostLines
    if rest > 0 { try line("  and \(rest) more, which --verbose lists") }
  }

  private static func text(_ value: MetadataValue?) -> String { value.map(MetadataText.short) ?? "none" }

  private static func row(of tensor: TensorDifference) -> [String] {
    let types = [tensor.typeBefore, tensor.typeAfter].compactMap(\.self)
    let type = types.count == 2 && types[0] == types[1] ? types[0] : types.joined(separator: " -> ")
    func shape(_ shape: [Int]?) -> String { (shape ?? []).map(String.init).joined(separator: " x ") }
    return switch tensor.kind {
    case .added: [tensor.name, type, "only after", "", ""]
    case .removed: [tensor.name, type, "only before", "", ""]
    case .shape: [tensor.name, type, "\(shape(tensor.shapeBefore)) -> \(shape(tensor.shapeAfter))", "", ""]
    case .undecodable: [tensor.name, type, "other bytes", "", ""]
    case .values(let error):
      [
        tensor.name, type, "values", NumberText.significant(error.largest, 3),
        NumberText.significant(error.relativeRMS, 3),
      ]
    }
  }

  private var summary: String {
    func count(_ number: Int, _ one: String, _ many: String) -> String {
      "\(NumberText.grouped(number)) \(number == 1 ? one : many)"
    }
    let same =
      count(differences.sameTensorCount, "tensor is", "tensors are") + " the same"
      + (differences.sameValueCount > 0
        ? ", \(NumberText.grouped(differences.sameValueCount)) of them as another type" : "")
    guard !differences.isEmpty else { return "no difference: \(same), and so is everything else" }
    return [
      count(differences.settings.count, "setting", "settings") + " and "
        + count(differences.tokenizer.count, "point", "points") + " of the tokenizer differ",
      count(differences.tensors.count, "tensor differs", "tensors differ"), same,
    ].joined(separator: "; ")
  }

  // MARK: - For programs

  var json: JSONValue {
    [
      "equal": .bool(differences.isEmpty), "before": .string(differences.before.path),
      "after": .string(differences.after.path), "settings": .array(differences.settings.map(Self.json)),
      "tokenizer": .array(differences.tokenizer.map(Self.json)),
      "tensors": [
        "same": .integer(differences.sameTensorCount), "same_values": .integer(differences.sameValueCount),
        "different": .array(differences.tensors.map(Self.json)),
      ], "notes": notes.json,
    ]
  }

  private static func json(_ difference: KeyDifference) -> JSONValue {
    [
      "place": .string(difference.place), "key": .string(difference.key), "before": json(difference.before),
      "after": json(difference.after),
    ]
  }

  /// A list as long as a vocabulary is told in short.
  private static func json(_ value: MetadataValue?) -> JSONValue {
    guard let value else { return .null }
    return value.elementCount ?? 0 > 64 ? .string(MetadataText.short(value)) : MetadataText.json(value)
  }

  private static func json(_ tensor: TensorDifference) -> JSONValue {
    func shape(_ shape: [Int]?) -> JSONValue { shape.map { .array($0.map(JSONValue.integer)) } ?? .null }
    func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
    var members: [String: JSONValue] = [
      "name": .string(tensor.name), "type_before": text(tensor.typeBefore), "type_after": text(tensor.typeAfter),
      "shape_before": shape(tensor.shapeBefore), "shape_after": shape(tensor.shapeAfter),
    ]
    switch tensor.kind {
    case .added: members["kind"] = "added"
    case .removed: members["kind"] = "removed"
    case .shape: members["kind"] = "shape"
    case .undecodable: members["kind"] = "bytes"
    case .values(let error):
      members["kind"] = "values"
      members["largest_error"] = .number(error.largest)
      members["relative_rms"] = .number(error.relativeRMS)
      members["cosine"] = .number(error.cosine)
    }
    return .object(members)
  }
}
