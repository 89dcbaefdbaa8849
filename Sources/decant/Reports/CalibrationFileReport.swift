internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON

/// What a calibration file holds, for people and for programs.
struct CalibrationFileReport {
  private let calibration: CalibrationFile
  private let byteCount: Int

  init(_ calibration: CalibrationFile) throws(FileError) {
    self.calibration = calibration
    byteCount = try FileSystem.byteCount(calibration.path) ?? 0
  }

  func write(tensors: Bool, _ line: (String) throws(FileError) -> Void) throws(FileError) {
    let settings = calibration.settings
    var rows = [
      [
        "Kind",
        "calibration" + (settings.isFisher ? "" : ", without gradients")
          + (settings.isMergeable ? ", can be merged" : ""),
      ],
      ["Size", NumberText.bytes(byteCount)],
      ["Model", settings.model],
      ["Linear layers", "\(keys.count)" + (LayerNames.layers(of: layerNames).map { ", \($0)" } ?? "")],
      ["Windows", "of \(settings.context) tokens"],
      ["Digest", calibration.digest],
    ]
    if settings.parts.isEmpty {
      rows.append(["Made by", "decant \(settings.version), seed \(settings.seed)"])
    } else {
      rows.append(["Made by", "decant \(settings.version), merged"])
      rows += settings.parts.map { ["Of", "\($0.digest), decant \($0.version), seed \($0.seed)"] }
    }
    for text in settings.texts {
      rows.append(
        [
          "Text",
          "\(text.name): \(NumberText.grouped(text.tokens)) tokens, \(NumberText.grouped(text.heldBackTokens)) more held back",
        ])
    }
    try ReportTable(
      FileSystem.lastComponent(calibration.path), columns: ["", ""], leading: 2, rows: rows
    ).forEachLine(line)
    guard tensors else { return }
    try line("")
    var seen: [[String]] = []
    for key in keys { seen.append([key, NumberText.grouped(try calibration.tokens(of: key) ?? 0)]) }
    try ReportTable("Linear layers", columns: ["Name", "Tokens"], rows: seen).forEachLine(line)
  }

  /// Keys: `path`, `container`, `bytes`, `model`, `layers`, `fisher`, `context`, `seed`, `version`, `xxh3_128`, `mergeable`,
  /// `parts` (`xxh3_128`, `seed`, `version`), `texts` (`name`, `tokens`, `held_back_tokens`).
  var json: JSONValue {
    let settings = calibration.settings
    return [
      "path": .string(calibration.path), "container": "calibration", "bytes": .integer(byteCount),
      "model": .string(settings.model), "layers": .integer(keys.count), "fisher": .bool(settings.isFisher),
      "context": .integer(settings.context), "seed": .integer(settings.seed), "version": .string(settings.version),
      "xxh3_128": .string(calibration.digest),
      "mergeable": .bool(settings.isMergeable), "parts": .array(settings.parts.map(\.json)),
      "texts": .array(settings.texts.map(\.json)),
    ]
  }

  private var keys: [String] { calibration.keys.sorted(by: LayerNames.precedes) }

  private var layerNames: [String] { keys.filter { LayerNames.layers(of: [$0]) != nil } }
}
