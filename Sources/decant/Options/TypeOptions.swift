internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Quantization

/// The type of quantized tensors.
struct TypeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Elements that share a scale, for nf4, fp4, int4 and int8.", valueName: "n"))
  var blockSize: Int = 64

  @Flag(inversion: .prefixedNo, help: "Quantize the scales of nf4, fp4, int4 and int8 too.")
  var doubleQuant = false

  @Flag(help: "Give every weight the one type of a ggml name, instead of llama-quantize's mix of that name.")
  var pure = false

  @Option(
    name: .customLong("tensor-type"),
    help: ArgumentHelp(
      "A type for the output tensors whose names the regular expression is found in. May be given several times; the first that matches decides.",
      valueName: "regex=type"))
  var tensorTypes: [String] = []

  @Option(help: ArgumentHelp("Type of the output matrix (output.weight, lm_head.weight).", valueName: "type"))
  var outputTensorType: String?

  @Option(help: ArgumentHelp("Type of the token embedding.", valueName: "type"))
  var tokenEmbeddingType: String?

  @Flag(help: "Leave the output matrix in the type it has.")
  var leaveOutputTensor = false

  @Option(
    help: ArgumentHelp(
      "An importance matrix, as decant imatrix and llama-imatrix write it: which columns of each weight matter.",
      valueName: "file"))
  var imatrix: String?

  func validate() throws {
    if leaveOutputTensor, outputTensorType != nil {
      throw ValidationError("--leave-output-tensor and --output-tensor-type contradict each other.")
    }
    for name in [outputTensorType, tokenEmbeddingType] { _ = try name.map(type(named:)) }
    _ = try overrides()
  }

  /// The recipe that the options ask for. Without a type, what no other option names stays as it is.
  func recipe(named name: String?, _ output: OutputOptions) throws -> Recipe {
    var recipe = try name.map(ruled(by:)) ?? Recipe(.keep)
    recipe.overrides = try overrides()
    recipe.outputType = try outputTensorType.map(type(named:))
    recipe.embeddingType = try tokenEmbeddingType.map(type(named:))
    recipe.leavesOutput = leaveOutputTensor
    recipe.refusesFallback = output.noFallback
    recipe.importance = try imatrix.map { path throws(FileError) in try ImportanceMatrix(path: path) }
    return recipe
  }

  /// A mix where the name is one; bitsandbytes' choice of tensors for blockwise types, every weight for the others.
  func ruled(by name: String) throws -> Recipe {
    if let mix = NamedMix.named(name.lowercased()) {
      if mix.needsImportance, imatrix == nil {
        throw ValidationError(
          "\(mix.name) is too few bits without an importance matrix: make one with decant imatrix, and give it with --imatrix."
        )
      }
      guard pure else { return Recipe(.mix(mix)) }
      var recipe = Recipe(.everyMatrix(try type(named: mix.type)))
      recipe.fileType = mix.fileType
      return recipe
    }
    let type = try type(named: name)
    if type.codec.blocksCrossRows { return Recipe(.linearLayers(type)) }
    return Recipe(TypeNames.elements.contains(type.name) ? .elements(type) : .everyMatrix(type))
  }

  /// The type of that name, with the options given.
  func type(named name: String) throws -> TargetType {
    guard let type = TypeNames.type(named: name, blockSize: blockSize, isDoubleQuantized: doubleQuant) else {
      throw ValidationError(TypeNames.refusal(of: name, blockSize: blockSize))
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
        throw ValidationError("--tensor-type \(argument): \(pattern) is no regular expression.")
      }
    }
  }
}
