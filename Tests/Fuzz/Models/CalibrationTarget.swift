internal import Conversion
internal import FuzzSupport
internal import Quantization

extension ModelsTargets {
  static let calibration = FuzzTarget("calibration", seeds: ["Tests/Fuzz/Seeds/calibration"]) { bytes in
    let calibration = try CalibrationFile(InputBytes(bytes))
    _ = try calibration.heldBack()
    for number in calibration.settings.texts.indices { _ = try calibration.text(number) }
    for key in calibration.keys {
      guard let layer = try calibration.moments(of: key) else { continue }
      let rows = Array(0..<min(3, layer.gradients?.order ?? 3))
      let errors = [Float](repeating: 0.25, count: rows.count * layer.inputs.order)
      let damage = layer.damage(of: errors.span, rows: rows)
      try FuzzFinding.unless(layer.squares.allSatisfy { $0 >= 0 && $0.isFinite }, "\(key) has importance that is none")
      try FuzzFinding.unless(!damage.isNaN || layer.inputs.values.contains { $0.magnitude > 1e15 }, "\(key): no number")
    }
  }
}
