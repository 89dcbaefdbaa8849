internal import Architectures
internal import Bytes
internal import Quantization
internal import Tensors

extension Plan {
  /// Lets a calibration choose codes and scales of the weights that it knows, where their type has any.
  /// - Returns: what a person should know of the others.
  static func calibrate(
    _ tensors: inout [PlannedTensor], _ checkpoint: Checkpoint, _ recipe: Recipe
  ) throws(FileError) -> [Note] {
    guard let calibration = recipe.calibration, !recipe.leavesCodesToReference else { return [] }
    let finder = try CalibratedRowFinder(checkpoint)
    let known = Set(calibration.keys)
    var (unknown, unfit, grouped) = ([String](), [String](), [String]())
    for number in tensors.indices {
      let tensor = tensors[number]
      if case .group(let output) = tensor.action, !output.isRepacked { grouped.append(tensor.name) }
      guard case .encode(let encoder) = tensor.action, encoder.codec is any ScalarCodec else { continue }
      guard let parts = finder.parts(of: tensor.rows.derivation, shape: tensor.shape),
        parts.contains(where: { $0.contains { known.contains($0.key) } })
      else {
        // Embeddings are looked up, not multiplied.
        if TensorRole(name: tensor.name) != .tokenEmbedding { unknown.append(tensor.name) }
        continue
      }
      guard
        let calibrated = CalibratedEncoder(
          encoder, of: tensor.name, columns: tensor.rows.columns, parts: parts, calibration, recipe.gains)
      else {
        unfit.append(tensor.name)
        continue
      }
      tensors[number].action = .encode(calibrated)
    }
    if unknown.isEmpty, unfit.isEmpty, grouped.isEmpty, !tensors.contains(where: \.isCalibrated) {
      return [Note("no tensor becomes a type that a calibration chooses codes for, so that it changes nothing")]
    }
    guard grouped.isEmpty || tensors.contains(where: \.isCalibrated) else {
      throw FileError(
        .unsupported, path: calibration.path, subject: grouped[0],
        "becomes groups of a library's own rounding, for which a calibration does not choose codes yet")
    }
    guard tensors.contains(where: \.isCalibrated) else {
      throw FileError(
        .mismatch, path: calibration.path,
        "knows none of the weights that are quantized, such as \((unknown + unfit).first ?? ""); it seems to be of another "
          + "model")
    }
    return [
      (unknown, "encoded without the calibration, which knows no linear layer of them"),
      (grouped, "encoded by its library's own rounding, without the calibration"),
      (unfit, "encoded without the calibration, since their blocks run over the ends of rows"),
    ].compactMap { tensors, cause in tensors.isEmpty ? nil : Note(cause, of: tensors) }
  }
}

extension PlannedTensor {
  /// Whether a calibration chooses its codes.
  var isCalibrated: Bool { if case .encode(let encoder) = action { encoder is CalibratedEncoder } else { false } }
}
