internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON

/// What an importance matrix holds, for people and for programs.
struct ImportanceReport {
  let path: String
  let matrix: ImportanceMatrix
  private let byteCount: Int

  init(path: String, matrix: ImportanceMatrix) throws(FileError) {
    self.path = path
    self.matrix = matrix
    byteCount = try FileSystem.byteCount(path) ?? 0
  }

  func write(tensors: Bool, _ line: (String) throws(FileError) -> Void) throws(FileError) {
    var rows = [
      ["Kind", "importance matrix" + (matrix.chunkSize == nil ? ", llama-imatrix's old form" : "")],
      ["Size", NumberText.bytes(byteCount)],
      ["Weights", "\(matrix.entries.count)" + (LayerNames.layers(of: layerNames).map { ", \($0)" } ?? "")],
      ["Windows", "\(matrix.chunkCount)" + (matrix.chunkSize.map { " of \($0) tokens" } ?? "")],
    ]
    if let part = matrix.part { rows.append(["Part", "\(part.part), of one job with all others"]) }
    if !matrix.datasets.isEmpty { rows.append(["Texts", matrix.datasets.joined(separator: ", ")]) }
    try ReportTable(FileSystem.lastComponent(path), columns: ["", ""], leading: 2, rows: rows).forEachLine(line)
    guard tensors else { return }
    try line("")
    let weights = names.map { name in
      let entry = matrix.entries[name]
      return [
        name, NumberText.grouped(entry?.sums.count ?? 0), NumberText.grouped(entry?.counts.reduce(0, +) ?? 0),
      ]
    }
    try ReportTable("Weights", columns: ["Name", "Columns", "Rows seen"], rows: weights).forEachLine(line)
  }

  /// Keys: `path`, `container`, `bytes`, `weights` (how many have an entry), `chunks`, `context`, `datasets`, `part` of one; with `tensors`
  /// those (`name`, `columns`, `counts`).
  func json(tensors: Bool) -> JSONValue {
    var members: [String: JSONValue] = [
      "path": .string(path), "container": "imatrix", "bytes": .integer(byteCount),
      "weights": .integer(matrix.entries.count), "chunks": .integer(matrix.chunkCount),
      "context": .integer(matrix.chunkSize ?? 0), "datasets": .array(matrix.datasets.map(JSONValue.string)),
    ]
    members["part"] = matrix.part.map { .string($0.part.description) }
    if tensors {
      members["tensors"] = .array(
        names.map { name in
          let entry = matrix.entries[name]
          return [
            "name": .string(name), "columns": .integer(entry?.sums.count ?? 0),
            "counts": .array((entry?.counts ?? []).map(JSONValue.integer)),
          ]
        })
    }
    return .object(members)
  }

  private var names: [String] { matrix.entries.keys.sorted(by: LayerNames.precedes) }

  private var layerNames: [String] { names.filter { LayerNames.layers(of: [$0]) != nil } }
}
