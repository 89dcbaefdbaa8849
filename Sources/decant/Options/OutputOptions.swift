internal import ArgumentParser
internal import Bytes
internal import Conversion

/// Where an output goes and how it is divided.
struct OutputOptions: ParsableArguments {
  @Option(
    help: "Container of the output: \(Container.written.map(\.name).joined(separator: " or ")).",
    completion: .list(Container.written.map(\.name)))
  var to: String?

  @Option(help: ArgumentHelp("Longest safetensors shard, as 500MB; 5GB by default.", valueName: "size"))
  var maxShardSize: ByteSize?

  @Option(help: ArgumentHelp("Longest GGUF file of a split set, as 2GB.", valueName: "size"))
  var splitMaxSize: ByteSize?

  @Option(
    help: ArgumentHelp(
      "Divide the output into n files of about as much work each, as the parts of --part k/n are.", valueName: "n"))
  var parts: Int?

  @OptionGroup var sharing: PartOptions

  @Option(
    help: ArgumentHelp(
      "What a GGUF calls the model (general.name). By default what the model says, or its repository in a hub cache.",
      valueName: "name"))
  var name: String?

  @OptionGroup var cutting: PreTokenizerOptions

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @Flag(help: "Print every output tensor with its type, size and offset, and write nothing.")
  var dryRun = false

  @Flag(
    help: "Refuse the job where a value of a weight would change: only what is copied or repacked exactly is written.")
  var exactOnly = false

  @Flag(
    help: "Leave tensors with NaN or infinite values unquantized, instead of refusing them. Reads everything twice.")
  var allowNonfinite = false

  @Flag(
    inversion: .prefixedNo,
    help: "Go on with the partial output of an earlier run of the same command that was stopped.")
  var resume = true

  @Flag(
    inversion: .prefixedNo,
    help: "Record in the output's metadata how it was made: digests of the weights, recipe and version.")
  var provenance = true

  @OptionGroup var workers: WorkerOptions

  func validate() throws {
    if let parts {
      guard sharing.part == nil else {
        throw ValidationError("--part k/n says how many parts there are; leave --parts out.")
      }
      guard (1...Part.most).contains(parts) else { throw ValidationError("--parts must be from 1 to \(Part.most).") }
      if maxShardSize != nil || splitMaxSize != nil {
        throw ValidationError(
          "--parts and \(maxShardSize == nil ? "--split-max-size" : "--max-shard-size") both say how the output is divided."
        )
      }
    }
    if let to, !Container.written.contains(where: { $0.name == to }) {
      throw ValidationError(
        "--to \(to): the containers are \(Container.written.map(\.name).joined(separator: " and ")).")
    }
  }

  /// A recipe with what these options say of it.
  /// - Throws: `FileError` when the model has to be read for that, and cannot be.
  func applied(
    to recipe: Recipe, of checkpoint: Checkpoint, for destination: Destination
  ) throws(FileError) -> Recipe {
    var recipe = recipe
    recipe.modelName = name
    recipe.preTokenizer = cutting.preTokenizer
    recipe.isExactOnly = exactOnly
    guard allowNonfinite else { return recipe }
    StatusLine.shared.begin("looking for values that are NaN or infinite")
    recipe = recipe.keeping(try NonFinite.outputsToKeep(of: checkpoint, for: destination, recipe: recipe))
    StatusLine.shared.begin("planning")
    return recipe
  }

  /// - Parameter recipe: types that only one container has decide where the name does not.
  func destination(_ path: String, for recipe: Recipe) throws -> Destination {
    let named = to.flatMap { name in Container.written.first { $0.name == name } }
    let container = named ?? Container.forOutput(path, recipe)
    if container.isAlwaysFile, maxShardSize != nil {
      throw ValidationError("--max-shard-size is for safetensors; a GGUF is divided with --split-max-size.")
    }
    if !container.isAlwaysFile, splitMaxSize != nil {
      throw ValidationError("--split-max-size is for GGUF; safetensors are divided with --max-shard-size.")
    }
    let maximum = (maxShardSize ?? splitMaxSize)?.bytes
    var destination = Destination(
      path: path, container: container, maximumFileBytes: maximum,
      fileCount: maximum == nil ? parts ?? sharing.part?.count : nil, replacesExisting: force,
      recordsProvenance: provenance)
    // What huggingface_hub cuts at.
    if !destination.isFile, maximum == nil, destination.fileCount == nil {
      destination.maximumFileBytes = 5_000_000_000
    }
    return destination
  }

  /// Refuses what needs the whole output where only a part of it is made.
  /// - Parameter options: names of options, with whether they are given.
  func checkPart(_ options: [(name: String, isGiven: Bool)]) throws {
    guard let part = sharing.part, let (name, _) = options.first(where: \.isGiven) else { return }
    throw ValidationError(
      "\(name) needs the whole output, of which --part makes part \(part); leave it out, and look at what decant assemble makes."
    )
  }
}

/// A number of bytes as people write it: 5GB, 512MiB, 1000000.
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let digits = argument.prefix { $0.isNumber || $0 == "." }
    let units: [String: Double] = [
      "": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
      "kib": 1024, "mib": 1_048_576, "gib": 1_073_741_824, "tib": 1_099_511_627_776,
    ]
    guard let number = Double(digits),
      let unit = units[argument.dropFirst(digits.count).trimmingPrefix(" ").lowercased()],
      let bytes = Int(exactly: (number * unit).rounded(.down)), bytes > 0
    else { return nil }
    self.bytes = bytes
  }
}
