internal import Architectures
internal import Bytes
internal import Conversion
internal import Evaluation
internal import GGUF
internal import JSON
internal import Tensors

/// What a model holds, for people and for programs.
struct InspectionReport {
  let inspection: Inspection

  init(_ inspection: Inspection) { self.inspection = inspection }

  // MARK: - For people

  func write(tensors: Bool, metadata: Bool, isVerbose: Bool, _ line: (String) throws(FileError) -> Void)
    throws(FileError)
  {
    try overview.forEachLine(line)
    try line("")
    try types.forEachLine(line)
    try writeDetails(tensors: tensors, metadata: metadata, line)
    var notes = inspection.remarks.flatMap { $0.lines(isVerbose: isVerbose) }
    if let obstacle = inspection.obstacle {
      notes.append("note: cannot be converted here: " + Terminal.sentence(obstacle, isVerbose: isVerbose))
    }
    for note in notes {
      try line("")
      try line(note.printable)
    }
  }

  /// What is listed when it is asked for.
  func writeDetails(
    tensors: Bool, metadata: Bool, _ line: (String) throws(FileError) -> Void
  ) throws(FileError) {
    for table in (metadata ? [metadataTable] : []) + (tensors ? [tensorTable] : []) {
      try line("")
      try table.forEachLine(line)
    }
  }

  private var overview: ReportTable {
    var rows = [
      ["Container", inspection.container.name + (inspection.isPacked ? ", packed" : "")],
      [
        "Size",
        "\(NumberText.bytes(inspection.byteCount)) in \(inspection.files.count) "
          + (inspection.files.count == 1 ? "file" : "files"),
      ],
    ]
    if let checkpoint = inspection.checkpoint {
      rows += (checkpoint.model?.overview ?? unknownOverview).map { [$0.label, $0.text.printable] }
      if !checkpoint.layoutNames.isEmpty {
        rows.append(["Quantized as", checkpoint.layoutNames.joined(separator: ", ")])
      }
      rows.append(["Weights", NumberText.grouped(checkpoint.parameterCount)])
      rows.append(["Bits per weight", NumberText.fixed(checkpoint.bitsPerWeight, 3)])
    } else {
      rows += unknownOverview.map { [$0.label, $0.text] }
    }
    if let provenance = inspection.provenance {
      let edited = provenance.isEdited == true ? "; edited since: other tensors or types" : ""
      rows.append([
        "Made by", "decant " + MetadataText.short(.string("\(provenance.version), \(provenance.summary)")) + edited,
      ])
    }
    return ReportTable(
      FileSystem.lastComponent(inspection.path), columns: ["", ""], leading: 2, rows: rows)
  }

  /// What is said of a model of which nothing more is known.
  private var unknownOverview: [(label: String, text: String)] {
    guard let metadata = inspection.metadata else { return [] }
    return [("Architecture", metadata["general.architecture"]?.string ?? "not said")]
  }

  /// Stored tensors by type, or weights by type where they are known.
  private var types: ReportTable {
    struct Sum {
      var count = 0
      var elements = 0
      var bytes = 0
    }
    var sums: [String: Sum] = [:]
    for (type, elements, bytes) in typed {
      sums[type, default: Sum()].count += 1
      sums[type, default: Sum()].elements += elements
      sums[type, default: Sum()].bytes += bytes
    }
    let rows = sums.sorted { ($0.value.bytes, $1.key) > ($1.value.bytes, $0.key) }.map { name, sum in
      [
        name, NumberText.grouped(sum.count), NumberText.grouped(sum.elements), NumberText.bytes(sum.bytes),
        NumberText.fixed(Double(sum.bytes) * 8 / Double(max(sum.elements, 1)), 3),
      ]
    }
    return ReportTable("Types", columns: ["Type", "Tensors", "Weights", "Size", "Bits"], rows: rows)
  }

  private var typed: [(type: String, elements: Int, bytes: Int)] {
    if let checkpoint = inspection.checkpoint {
      return checkpoint.weights.map { ($0.typeName, $0.elementCount, $0.byteCount) }
    }
    return inspection.source.tensors.map { ($0.encoding.name, $0.elementCount, $0.byteCount) }
  }

  private var tensorTable: ReportTable {
    ReportTable(
      "Tensors", columns: ["Name", "Type", "Shape", "Bytes"], leading: 3,
      rows: inspection.source.tensors.sorted { LayerNames.precedes($0.name, $1.name) }.lazy.map { tensor in
        [
          tensor.name, tensor.encoding.name, tensor.shape.map(String.init).joined(separator: " x "),
          NumberText.grouped(tensor.byteCount),
        ]
      })
  }

  private var metadataTable: ReportTable {
    let rows: [[String]]
    if let metadata = inspection.metadata {
      rows = metadata.entries.map { [$0.key, $0.value.typeName, MetadataText.short($0.value)] }
    } else {
      rows = inspection.fileMetadata.sorted { $0.key < $1.key }.map { [$0.key, "string", $0.value] }
    }
    return ReportTable("Metadata", columns: ["Key", "Type", "Value"], leading: 3, rows: rows)
  }

  // MARK: - For programs

  /// Keys: `path`, `container`, `packed`, `bytes`, `files`, `types`, and where the model is known `model`, `weights`,
  /// `bits_per_weight`, and `layouts` where weights are quantized in one; `provenance` where the file says how it was made; `tensors` and `metadata` when asked for; `obstacle` where it cannot be converted.
  func json(tensors: Bool, metadata: Bool, isVerbose: Bool) -> JSONValue {
    var members: [String: JSONValue] = [
      "path": .string(inspection.path), "container": .string(inspection.container.name),
      "packed": .bool(inspection.isPacked), "bytes": .integer(inspection.byteCount),
      "files": .array(inspection.files.map(JSONValue.string)),
      "remarks": .array(inspection.remarks.map { .string($0.sentence(isVerbose: isVerbose)) }),
    ]
    var types: [String: JSONValue] = [:]
    for (type, sums) in Dictionary(grouping: typed, by: \.type) {
      types[type] = [
        "tensors": .integer(sums.count), "weights": .integer(sums.reduce(0) { $0 + $1.elements }),
        "bytes": .integer(sums.reduce(0) { $0 + $1.bytes }),
      ]
    }
    members["types"] = .object(types)
    if let checkpoint = inspection.checkpoint {
      members["weights"] = .integer(checkpoint.parameterCount)
      if !checkpoint.layoutNames.isEmpty {
        members["layouts"] = .array(checkpoint.layoutNames.map(JSONValue.string))
      }
      members["bits_per_weight"] = .number(checkpoint.bitsPerWeight)
      if let model = checkpoint.model {
        members["model"] =
          (try? model.config(path: checkpoint.path)).map(JSONValue.object) ?? checkpoint.config
      }
    }
    if let provenance = inspection.provenance {
      members["provenance"] = [
        "version": .string(provenance.version), "recipe": provenance.document,
        "edited": provenance.isEdited.map(JSONValue.bool) ?? .null,
        "sources": .array((provenance.sources ?? []).map(JSONValue.string)),
      ]
    }
    if let obstacle = inspection.obstacle {
      members["obstacle"] = .string(Terminal.sentence(obstacle, isVerbose: isVerbose))
    }
    return .object(members.merging(details(tensors: tensors, metadata: metadata)) { _, new in new })
  }

  /// `tensors` and `metadata` when asked for.
  func details(tensors: Bool, metadata: Bool) -> [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    if tensors {
      members["tensors"] = .array(
        inspection.source.tensors.map { tensor in
          [
            "name": .string(tensor.name), "type": .string(tensor.encoding.name),
            "shape": .array(tensor.shape.map(JSONValue.integer)), "bytes": .integer(tensor.byteCount),
          ]
        })
    }
    if metadata {
      if let entries = inspection.metadata?.entries {
        members["metadata"] = .object(
          Dictionary(entries.map { ($0.key, MetadataText.json($0.value)) }, uniquingKeysWith: { first, _ in first }))
      } else {
        members["metadata"] = .object(inspection.fileMetadata.mapValues(JSONValue.string))
      }
    }
    return members
  }
}
