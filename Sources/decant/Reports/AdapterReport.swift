internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON

/// What an adapter is, for people and for programs.
struct AdapterReport {
  let summary: AdapterSummary
  /// The file, where it tells everything itself.
  private let file: InspectionReport?

  init(_ summary: AdapterSummary, file: InspectionReport? = nil) {
    self.summary = summary
    self.file = file
  }

  func write(
    tensors: Bool, metadata: Bool, isVerbose: Bool, _ line: (String) throws(FileError) -> Void
  ) throws(FileError) {
    var rows = [["Kind", kind], ["Base model", summary.baseModel ?? "not said"]]
    func add(_ name: String, _ numbers: [String]) {
      if !numbers.isEmpty { rows.append([name, numbers.joined(separator: ", ")]) }
    }
    add("Rank", summary.ranks.map(String.init))
    add("Alpha", summary.alphas.map(Self.text))
    add("Scale", summary.scales.map(Self.text))
    add("Modules", summary.modules.map { "\($0.name) (\($0.count))" })
    add("Held whole", summary.wholeParameters)
    if summary.tokenCount > 0 { rows.append(["Tokens", "\(summary.tokenCount) rows of embeddings"]) }
    rows.append(["Weights", NumberText.grouped(summary.parameterCount)])
    rows.append(["Size", NumberText.bytes(summary.byteCount)])
    try ReportTable(FileSystem.lastComponent(summary.path), columns: ["", ""], leading: 2, rows: rows).forEachLine(line)
    try file?.writeDetails(tensors: tensors, metadata: metadata, line)
    guard let obstacle = summary.obstacle else { return }
    try line("")
    try line("note: cannot be merged here: " + Terminal.sentence(obstacle, isVerbose: isVerbose))
  }

  private static func text(_ number: Double) -> String {
    number == number.rounded() ? NumberText.fixed(number, 0) : NumberText.significant(number, 4)
  }

  private var kind: String {
    let kind = summary.kind.map { $0 == "LORA" ? "LoRA adapter" : "adapter of the kind \($0)" } ?? "adapter"
    let traits = [(summary.usesDoRA, "DoRA"), (summary.usesRankStabilizedScale, "rsLoRA")].filter(\.0).map(\.1)
    return (["\(kind) (\(summary.spelling))"] + traits).joined(separator: ", ")
  }

  /// Keys: `path`, `container` (adapter), `spelling` (PEFT, MLX, GGUF), `kind`, `base_model`, `ranks`, `alphas`, `scales`, `dora`, `rslora`, `modules`
  /// (`name`, `count`), `whole_parameters`, `tokens`, `weights`, `bytes`, `obstacle` where it cannot be merged, and of a GGUF `tensors` and `metadata` when asked for.
  func json(tensors: Bool, metadata: Bool, isVerbose: Bool) -> JSONValue {
    var members: [String: JSONValue] = [
      "path": .string(summary.path), "container": "adapter", "spelling": .string(summary.spelling),
      "kind": summary.kind.map(JSONValue.string) ?? .null,
      "base_model": summary.baseModel.map(JSONValue.string) ?? .null,
      "ranks": .array(summary.ranks.map(JSONValue.integer)), "alphas": .array(summary.alphas.map(JSONValue.number)),
      "scales": .array(summary.scales.map(JSONValue.number)), "dora": .bool(summary.usesDoRA),
      "rslora": .bool(summary.usesRankStabilizedScale),
      "modules": .array(summary.modules.map { ["name": .string($0.name), "count": .integer($0.count)] }),
      "whole_parameters": .array(summary.wholeParameters.map(JSONValue.string)),
      "tokens": .integer(summary.tokenCount), "weights": .integer(summary.parameterCount),
      "bytes": .integer(summary.byteCount),
    ]
    if let obstacle = summary.obstacle {
      members["obstacle"] = .string(Terminal.sentence(obstacle, isVerbose: isVerbose))
    }
    members.merge(file?.details(tensors: tensors, metadata: metadata) ?? [:]) { _, new in new }
    return .object(members)
  }
}
