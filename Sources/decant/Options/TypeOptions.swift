internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Quantization

/// The type of quantized tensors.
struct TypeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Spell the weights of a folder as this library does: \(LayoutNames.list).",
      valueName: "layout"), completion: .list(LayoutNames.all))
  var layout: String?

  @Option(
    help: ArgumentHelp(
      "With --layout: elements of a row that share a scale, or row, tensor, or a block such as 128x128.",
      valueName: "n"))
  var groupSize: String?

  @Flag(
    inversion: .prefixedNo, help: "With --layout: whole numbers with the zero in their middle, without zero points.")
  var symmetric: Bool?

  @Option(
    help: ArgumentHelp("Elements that share a scale, for nf4, fp4, int4 and int8; 64 by default.", valueName: "n"),
    completion: .list(BlockwiseCodec.blockSizes.map(String.init)))
  var blockSize: Int?

  @Flag(inversion: .prefixedNo, help: "Quantize the scales of nf4, fp4, int4 and int8 too.")
  var doubleQuant: Bool?

  @Flag(help: "Give every weight the one type of a ggml name, instead of llama-quantize's mix of that name.")
  var pure = false

  @Option(
    name: .customLong("tensor-type"),
    help: ArgumentHelp(
      "A type for the output tensors whose names the regular expression is found in. May be given several times; the first that matches decides.",
      valueName: "regex=type"))
  var tensorTypes: [String] = []

  @Option(
    help: ArgumentHelp("Type of the output matrix (output.weight, lm_head.weight).", valueName: "type"),
    completion: .list(TypeNames.all))
  var outputTensorType: String?

  @Option(
    help: ArgumentHelp("Type of the token embedding.", valueName: "type"), completion: .list(TypeNames.all))
  var tokenEmbeddingType: String?

  @Flag(help: "Leave the output matrix in the type it has.")
  var leaveOutputTensor = false

  @Option(
    help: ArgumentHelp(
      "An importance matrix, as decant imatrix and llama-imatrix write it: which columns of each weight matter.",
      valueName: "file"), completion: .file(), transform: InputPath.file)
  var imatrix: String?

  @Option(
    help: ArgumentHelp(
      "A calibration of the model, as decant calibrate writes it: codes and scales are chosen by it.",
      valueName: "file"), completion: .file(), transform: InputPath.file)
  var calibration: String?

  @Flag(help: "Refuse types whose blocks do not fit a row, instead of storing such tensors in another type.")
  var noFallback = false

  /// Paths of what these options name.
  var inputPaths: [String] { [imatrix, calibration].compactMap(\.self) }

  func validate() throws {
    _ = try request()
    if leaveOutputTensor, outputTensorType != nil {
      throw ValidationError("--leave-output-tensor and --output-tensor-type contradict each other.")
    }
    if calibration != nil, imatrix != nil {
      throw ValidationError("--calibration is an importance matrix too; leave --imatrix out.")
    }
    for name in [outputTensorType, tokenEmbeddingType] { _ = try name.map(type(named:)) }
    _ = try overrides()
  }

  /// The recipe that the options ask for. Without a type, what no other option names stays as it is.
  func recipe(named name: String?, of checkpoint: Checkpoint? = nil) throws -> Recipe {
    try completed(try name.map { try ruled(by: $0, of: checkpoint, isCalibrated: false) } ?? Recipe(.keep))
  }

  /// A recipe with all that options say beside its rule.
  /// - Parameter calibration: one in place of that which is named.
  func completed(_ recipe: Recipe, calibration own: (any Calibration)? = nil) throws -> Recipe {
    var recipe = recipe
    recipe.overrides = try overrides() + recipe.overrides
    recipe.outputType = try outputTensorType.map(type(named:))
    recipe.embeddingType = try tokenEmbeddingType.map(type(named:))
    recipe.leavesOutput = leaveOutputTensor
    recipe.refusesFallback = noFallback
    recipe.calibration = try own ?? calibration.map { path throws(FileError) in try CalibrationFile(path: path) }
    recipe.importance = try imatrix.map { path throws(FileError) in try ImportanceMatrix(path: path) }
    return recipe
  }

  /// What is asked of a layout; nil without one.
  func request() throws -> GroupRequest? {
    let extent = try groupSize.map { text in
      guard let extent = GroupExtent(text: text) else {
        throw ValidationError("--group-size \(text): a number, row, tensor, or a block such as 128x128 is expected.")
      }
      return extent
    }
    guard let layout else {
      for (option, isGiven) in [("--group-size", extent != nil), ("--symmetric", symmetric != nil)] where isGiven {
        throw ValidationError("\(option) is for --layout; blocks of nf4, fp4, int4 and int8 have --block-size.")
      }
      return nil
    }
    try LayoutNames.check(layout)
    return GroupRequest(layout: layout, extent: extent, isSymmetric: symmetric)
  }

  /// The type of groups of that name; nil where the name is one of single elements or of blocks.
  private func grouped(_ name: String) throws -> TargetType? {
    guard let request = try request(), !TypeNames.elements.contains(name.lowercased()) else { return nil }
    let isBlockwise = request.layout == "bitsandbytes" && ["nf4", "fp4"].contains(name.lowercased())
    if isBlockwise {
      if groupSize != nil { throw ValidationError("--group-size: \(name) has blocks, whose size is --block-size.") }
      return nil
    }
    do throws(GroupRequest.Refusal) {
      return try request.type(named: name)
    } catch {
      switch error {
      case .noSuchLayout: return nil
      case .noSuchType(let names):
        let mixes = request.layout == "mlx" ? MLXMix.all.map(\.name) : []
        throw ValidationError(
          "\(request.layout) has no type \(name); its types are \((names + mixes).joined(separator: ", ")).")
      case .noSuchGroups(let groups):
        throw ValidationError(
          "--layout \(request.layout) --type \(name) takes \(groups); --group-size and --symmetric say which.")
      }
    }
  }

  /// A mix where the name is one; bitsandbytes' choice of tensors for blockwise types, every weight for the others.
  /// - Parameters:
  ///   - checkpoint: the model, for mixes that go by its layers.
  ///   - isCalibrated: whether a calibration is made on the way.
  func ruled(by name: String, of checkpoint: Checkpoint? = nil, isCalibrated: Bool = false) throws -> Recipe {
    if let request = try request(), request.layout == "mlx", let mix = MLXMix.named(name.lowercased()) {
      do throws(GroupRequest.Refusal) {
        return try mix.recipe(
          request, layerCount: (try? checkpoint?.layerCount) ?? 0, hasHead: checkpoint?.hasHead == true)
      } catch {
        throw ValidationError("\(name) of mlx has groups of 32, 64 or 128, with an offset each.")
      }
    }
    if let type = try grouped(name) { return Recipe(.linearLayers(type)) }
    if let mix = NamedMix.named(name.lowercased()) {
      if mix.needsImportance, imatrix == nil, calibration == nil, !isCalibrated {
        throw ValidationError(
          "\(mix.name) is too few bits without an importance matrix: make one with decant imatrix, and give it with --imatrix, or calibrate with --calibrate."
        )
      }
      guard pure else { return Recipe(.mix(mix)) }
      var recipe = Recipe(.everyMatrix(try type(named: mix.type)))
      recipe.fileType = mix.fileType
      return recipe
    }
    let type = try type(named: name)
    if type.isSpelled { return Recipe(.linearLayers(type)) }
    return Recipe(TypeNames.elements.contains(type.name) ? .elements(type) : .everyMatrix(type))
  }

  /// Refuses what would change nothing.
  /// - Parameters:
  ///   - names: the types that are asked for, each of an output of its own; it is enough that one has a use for an option.
  ///   - isCalibrated: whether a calibration is made on the way.
  func checkUse(with names: [String], isCalibrated: Bool = false) throws {
    if let layout, names.isEmpty, try overrides().isEmpty, outputTensorType == nil, tokenEmbeddingType == nil {
      throw ValidationError(
        "--layout \(layout) says how weights of a type are spelled; say which with --type, such as --type int4.")
    }
    let recipes = try names.map { try ruled(by: $0, isCalibrated: isCalibrated) }
    var types =
      try overrides().map(\.type) + [outputTensorType, tokenEmbeddingType].compactMap(\.self).map(type(named:))
    var isMix = false
    for recipe in recipes {
      switch recipe.rule {
      case .mix(let mix):
        isMix = true
        types += mix.types.compactMap { TypeNames.type(named: $0, blockSize: 64, isDoubleQuantized: false) }
      case .elements(let type), .everyMatrix(let type), .linearLayers(let type): types.append(type)
      case .table(let table): types += table.types.values
      case .keep, .layout: break
      }
    }
    let isOne = pure && recipes.contains { $0.fileType != nil }
    let asked =
      (names.isEmpty ? "the types that the weights have" : names.joined(separator: ", "))
      + (layout.map { " of \($0)" } ?? "")
    func refuse(_ option: String, _ isUsed: Bool, _ purpose: String) throws {
      guard !isUsed else { return }
      throw ValidationError("\(option) changes nothing for \(asked): it is for \(purpose).")
    }
    let hasScales = types.contains { $0.isSpelled && $0.groups == nil }
    if blockSize != nil { try refuse("--block-size", hasScales, "nf4, fp4, int4 and int8") }
    if let doubleQuant {
      try refuse(doubleQuant ? "--double-quant" : "--no-double-quant", hasScales, "nf4, fp4, int4 and int8")
    }
    if pure { try refuse("--pure", isMix || isOne, "names that stand for a mix of types, such as q4_k_m") }
    if imatrix != nil {
      let takers = TypeNames.all.filter {
        TypeNames.type(named: $0, blockSize: 64, isDoubleQuantized: false)?.codec is any WeightedBlockCodec
      }
      try refuse("--imatrix", types.contains { $0.codec is any WeightedBlockCodec }, takers.joined(separator: ", "))
    }
    if calibration != nil || isCalibrated {
      let takers = TypeNames.all.filter {
        TypeNames.type(named: $0, blockSize: 64, isDoubleQuantized: false)?.codec is any ScalarCodec
      }
      try refuse(
        isCalibrated ? "--calibrate" : "--calibration",
        types.contains { $0.codec is any ScalarCodec || $0.groups != nil },
        takers.joined(separator: ", "))
    }
    if noFallback {
      let canFall = types.contains { !$0.isElement && ($0.groups != nil || !$0.isSpelled) }
      try refuse("--no-fallback", canFall, "types with blocks that a row may not fill")
    }
    let leavesOutput = recipes.filter {
      if case .linearLayers(let type) = $0.rule { type.groups?.layout != "mlx" } else { false }
    }
    if leaveOutputTensor, !names.isEmpty, leavesOutput.count == names.count, tensorTypes.isEmpty {
      throw ValidationError(
        "--leave-output-tensor changes nothing for \(asked), which leaves the output matrix anyway.")
    }
  }

  /// The type of that name, with the options given.
  func type(named name: String) throws -> TargetType {
    if let type = try grouped(name) { return type }
    guard let type = TypeNames.type(named: name, blockSize: blockSize ?? 64, isDoubleQuantized: doubleQuant ?? false)
    else {
      throw ValidationError(TypeNames.refusal(of: name, blockSize: blockSize ?? 64))
    }
    return type
  }

  func overrides() throws -> [Recipe.Override] {
    try tensorTypes.map { argument in
      guard let equals = argument.lastIndex(of: "=") else {
        throw ValidationError("--tensor-type \(argument): a regular expression, '=' and a type are expected.")
      }
      let pattern = String(argument[..<equals])
      let type = try type(named: String(argument[argument.index(after: equals)...]))
      do throws(FileError) {
        return try Recipe.Override(pattern: pattern, type: type)
      } catch {
        throw ValidationError("--tensor-type \(argument): the expression \(pattern) \(error.message).")
      }
    }
  }
}
