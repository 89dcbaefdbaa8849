internal import Allocation
internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Tensors

/// What says which type each tensor gets, in place of one name for all.
struct TargetOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Choose a type for each tensor: the best output whose weights take so many bytes at most, as 4.2GB.",
      valueName: "size"))
  var targetSize: ByteSize?

  @Option(help: ArgumentHelp("The same for so many bits a weight at most, as 4.5.", valueName: "bits"))
  var targetBpw: Double?

  @Option(
    help: ArgumentHelp(
      "Choose a type for each tensor: the smallest output whose KL divergence is so many nats a token at most, as 0.02.",
      valueName: "nats"))
  var targetKl: Double?

  @Option(
    help: ArgumentHelp(
      "With a target: types that tensors may get, as q3_k,q4_k,q6_k. By default those of llama-quantize's k and iq4 mixes.",
      valueName: "type,..."), completion: .list(TypeNames.all))
  var types: String?

  @Option(
    help: ArgumentHelp("A type for each tensor, as --save-recipe has written it.", valueName: "file"),
    completion: .file(), transform: InputPath.file)
  var recipe: String?

  @Option(
    help: ArgumentHelp("Give each tensor the type that it has in this model.", valueName: "model"), completion: .file(),
    transform: InputPath.model)
  var like: String?

  @Option(
    help: ArgumentHelp("Write the type of each tensor to this file, as JSON.", valueName: "file"), completion: .file(),
    transform: OutputPath.checked)
  var saveRecipe: String?

  /// Types that are chosen among where none are named: those that llama-quantize mixes, and builds of llama.cpp have had for long.
  /// Where rows do not fit one, what takes its place does.
  private static let usual = ["q2_k", "q3_k", "iq4_xs", "q4_k", "q5_k", "q6_k", "q8_0"]

  /// What else there is for rows that are no multiple of a superblock.
  private static let usualForShortRows = ["iq4_nl", "q4_1"]

  func validate() throws {
    let given = [
      ("--target-size", targetSize != nil), ("--target-bpw", targetBpw != nil), ("--target-kl", targetKl != nil),
      ("--recipe", recipe != nil), ("--like", like != nil),
    ].filter(\.1).map(\.0)
    if given.count > 1 { throw ValidationError("\(given[0]) and \(given[1]) both say which types tensors get.") }
    for (option, value) in [("--target-bpw", targetBpw), ("--target-kl", targetKl)] {
      if let value, !(value > 0 && value.isFinite) {
        throw ValidationError("\(option) must be a number greater than 0.")
      }
    }
    if types != nil, target == nil {
      throw ValidationError("--types changes nothing without --target-size, --target-bpw or --target-kl.")
    }
    if let types, Self.names(in: types).count < 2 {
      throw ValidationError("--types \(types): at least two types are expected, as q3_k,q4_k,q6_k.")
    }
  }

  private static func names(in list: String) -> [String] {
    list.lowercased().split { $0 == "," || $0.isWhitespace }.map(String.init)
  }

  var target: SizeTarget? {
    if let targetSize { return .byteCount(targetSize.bytes) }
    if let targetBpw { return .bitsPerWeight(targetBpw) }
    return targetKl.map { .divergence($0) }
  }

  /// Paths of what these options name.
  var inputPaths: [String] {
    get throws { try [recipe].compactMap(\.self) + (like.map { try Checkpoint(path: $0).inputPaths } ?? []) }
  }

  /// Whether types are found in another way than by --type.
  var isUsed: Bool { target != nil || recipe != nil || like != nil }

  /// The option that is used.
  var optionName: String {
    if target == nil { return recipe == nil ? "--like" : "--recipe" }
    return targetSize != nil ? "--target-size" : targetBpw != nil ? "--target-bpw" : "--target-kl"
  }

  /// The recipe of a file, or of another model; nil for neither.
  func named() throws -> Recipe? {
    if let recipe { return Recipe(.table(try TypeTable(path: recipe))) }
    return try like.map { path in Recipe(.table(try TypeTable(of: try Checkpoint(path: path)))) }
  }

  /// The rules that each give one type to all tensors.
  func rules(
    _ options: TypeOptions, of checkpoint: Checkpoint, isFolder: Bool
  ) throws -> [(name: String, rule: Recipe.Rule)] {
    guard types != nil || !isFolder && options.layout == nil else {
      throw ValidationError(
        "Say with --types which types a folder may have, such as --types nf4,bf16 or --layout mlx --types int4,int8.")
    }
    var options = options
    options.pure = true
    let hasShortRows = checkpoint.weights.contains { $0.shape.count > 1 && ($0.shape.last ?? 0) % 256 != 0 }
    let usual = Self.usual + (hasShortRows ? Self.usualForShortRows : [])
    return try (types.map(Self.names) ?? usual).map { ($0, try options.ruled(by: $0).rule) }
  }
}
