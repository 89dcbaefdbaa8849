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
    let largest = tensors.lazy.filter(\.canBeCalibrated).map { tensor in
      CalibrationRoom.memory(rows: tensor.shape.dropLast().last ?? 1, columns: tensor.rows.columns)
    }.max()
    // The other half is for what workers hold besides.
    let room = CalibrationRoom(largest: largest ?? 1, memory: FileSystem.availableMemory().map { $0 / 2 } ?? .max)
    var (unknown, unfit) = ([String](), [String]())
    for number in tensors.indices where tensors[number].canBeCalibrated {
      let tensor = tensors[number]
      guard let parts = finder.parts(of: tensor.rows.derivation, shape: tensor.shape),
        parts.contains(where: { $0.contains { known.contains($0.key) } })
      else {
        // Embeddings are looked up, not multiplied.
        if TensorRole(name: tensor.name) != .tokenEmbedding { unknown.append(tensor.name) }
        continue
      }
      let codes = CalibratedCodes(
        calibration: calibration, name: tensor.name, type: tensor.targetType, parts: parts, gains: recipe.gains,
        room: room)
      guard let action = tensor.action.calibrated(codes, columns: tensor.rows.columns) else {
        unfit.append(tensor.name)
        continue
      }
      tensors[number].action = action
    }
    guard tensors.contains(where: \.isCalibrated) else {
      guard let first = (unknown + unfit).first else {
        return [Note("no tensor becomes a type that a calibration chooses codes for, so that it changes nothing")]
      }
      throw FileError(
        unfit.isEmpty ? .mismatch : .unsupported, path: calibration.path,
        unfit.isEmpty
          ? "knows none of the weights that are quantized, such as \(first); it seems to be of another model"
          : "cannot choose codes of this type, which is not levels times scales along rows; without it the type has its own encoder's codes"
      )
    }
    return [
      (unknown, "encoded without the calibration, which knows no linear layer of them"),
      (unfit, "encoded without the calibration, since their type is not levels times scales along whole rows"),
    ].compactMap { tensors, cause in tensors.isEmpty ? nil : Note(cause, of: tensors) }
  }
}

extension PlannedTensor {
  /// Whether it becomes codes and scales that were not there before.
  fileprivate var canBeCalibrated: Bool {
    switch action {
    case .encode(let encoder): encoder.codec is any ScalarCodec
    case .group(let output): !output.isRepacked
    case .copyRows, .copyStored: false
    }
  }

  /// Whether a calibration chooses its codes.
  fileprivate var isCalibrated: Bool { calibrated != nil }

  private var calibrated: CalibratedCodes? {
    switch action {
    case .encode(let encoder): (encoder as? CalibratedEncoder)?.codes
    case .group(let output): output.calibrated
    case .copyRows, .copyStored: nil
    }
  }

  /// Whether its codes are chosen by a calibration that is made meanwhile.
  var followsCalibration: Bool { calibrated?.calibration is CalibrationUnderway }

  /// About in proportion to the time that choosing its codes takes; 0 where no calibration does.
  var calibratingCost: Double {
    guard isCalibrated else { return 0 }
    let (rows, columns) = (Double(shape.dropLast().last ?? 1), Double(rows.columns))
    return Double(elementCount) * (rows + 3 * columns)
  }

  /// Linear layers that its rows are of; none where no calibration chooses its codes.
  var calibratedLayers: Set<String> { Set(calibrated?.parts.joined().map(\.key) ?? []) }
}

extension PlannedTensor.Action {
  /// The same with codes that a calibration chooses; nil where it cannot.
  fileprivate func calibrated(_ codes: CalibratedCodes, columns: Int) -> PlannedTensor.Action? {
    switch self {
    case .encode(let encoder):
      return CalibratedEncoder(encoder, columns: columns, codes).map { .encode($0) }
    case .group(var output):
      guard let grid = output.grid, columns % grid.superblock == 0 else { return nil }
      output.calibrated = codes
      return .group(output)
    case .copyRows, .copyStored:
      return nil
    }
  }
}
