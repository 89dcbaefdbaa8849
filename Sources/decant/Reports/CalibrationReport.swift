internal import Calibration
internal import Conversion
internal import Evaluation
internal import JSON

/// What a calibration has gained: by text that it has held back, and tensor by tensor.
struct CalibrationReport {
  let gains: [CalibrationGains.Gain]
  /// Of the type's own encoder, and of the calibrated one; nil where nothing was measured.
  var measured: (reference: [CalibrationGate.Measure], calibrated: [CalibrationGate.Measure])?
  /// Whether the calibrated output was kept.
  var isKept = true

  private static let shownTensors = 10

  /// Tables for people.
  func forEachLine(isVerbose: Bool, _ line: (String) -> Void) {
    if let measured {
      let rows = zip(measured.reference, measured.calibrated).map { reference, calibrated in
        [
          reference.text, NumberText.significant(reference.comparison.divergence.mean, 3),
          NumberText.significant(calibrated.comparison.divergence.mean, 3),
          percent(calibrated.comparison.divergence.mean / reference.comparison.divergence.mean),
          NumberText.fixed(100 * reference.comparison.topAgreement, 1) + " %",
          NumberText.fixed(100 * calibrated.comparison.topAgreement, 1) + " %",
        ]
      }
      ReportTable(
        "Text held back: KL divergence in nats, and agreement on the most likely token",
        columns: ["", "KL, own encoder", "KL, calibrated", "of it", "top, own", "top, calibrated"], rows: rows
      ).forEachLine(line)
    }
    let changed = gains.filter { $0.calibratedRows > 0 }
    let unchanged = gains.filter { $0.calibratedRows == 0 }
    let order = gains.sorted { ($0.share, $0.name) > ($1.share, $1.name) }
    let shown = isVerbose ? order : Array(order.prefix(Self.shownTensors))
    let rows = shown.map { [$0.name, $0.type, $0.calibratedRows == 0 ? "own encoder's codes" : percent($0.share)] }
    ReportTable(
      isVerbose || gains.count <= Self.shownTensors
        ? "Cost of each tensor's errors, as a part of what its own encoder's cost"
        : "Cost of the errors of the \(shown.count) tensors that gained least, as a part of what their own encoder's cost",
      columns: ["Tensor", "Type", "of it"], leading: 2, rows: rows
    ).forEachLine(line)
    let own = unchanged.isEmpty ? "" : "; \(unchanged.count) kept their own encoder's codes, which were no worse"
    line("\(changed.count) of \(gains.count) tensors have calibrated codes\(own)")
  }

  private func percent(_ share: Double) -> String { share.isFinite ? NumberText.fixed(100 * share, 1) + " %" : "-" }

  /// Keys: `kept` (`calibrated` or `reference`), `texts` (each with `name`, `reference` and `calibrated`: `kl`, `top1_agreement`),
  /// `tensors` (each with `name`, `type`, `reference`, `calibrated`, `rows`, `calibrated_rows`).
  var json: JSONValue {
    func members(_ measure: CalibrationGate.Measure) -> JSONValue {
      [
        "kl": .finite(measure.comparison.divergence.mean), "top1_agreement": .finite(measure.comparison.topAgreement),
      ]
    }
    let texts = measured.map { measured in
      zip(measured.reference, measured.calibrated).map { reference, calibrated -> JSONValue in
        ["name": .string(reference.text), "reference": members(reference), "calibrated": members(calibrated)]
      }
    }
    return [
      "kept": .string(isKept ? "calibrated" : "reference"), "texts": .array(texts ?? []),
      "tensors": .array(
        gains.map {
          [
            "name": .string($0.name), "type": .string($0.type), "reference": .finite($0.reference),
            "calibrated": .finite($0.calibrated), "rows": .integer($0.rows),
            "calibrated_rows": .integer($0.calibratedRows),
          ]
        }),
    ]
  }
}

extension CalibrationGains.Gain {
  /// What its errors cost, as a part of what they did.
  var share: Double { reference == 0 ? 1 : calibrated / reference }
}
